import type { Role } from '../api/roles'
import type { ScopeRow } from '../api/scopes'

/** How many rows the table has at most. Upstreams can declare many scopes. */
const ROWS_MAX = 100

interface RoleTableProps {
  readonly roles: readonly Role[]
  readonly scopes: readonly ScopeRow[]
  readonly filter: string
  readonly onChange: (role: Role) => void
  readonly onDelete: (role: Role) => void
}

/** A row for each scope and a column for each role. */
export function RoleTable({ roles, scopes, filter, onChange, onDelete }: RoleTableProps) {
  const wanted = filter.toLowerCase()
  const matching = scopes.filter(({ scope, meaning }) => `${scope} ${meaning}`.toLowerCase().includes(wanted))
  return (
    <>
      {matching.length === 0 && <p>No scope matches.</p>}
      {matching.length > ROWS_MAX && (
        <p>
          The first {ROWS_MAX} of {matching.length} scopes. Type a part of the name to see others.
        </p>
      )}
      <section className="table-frame" aria-label="Scopes of the roles">
        <table>
          <thead>
            <tr>
              <th scope="col">Scope</th>
              {roles.map((role) => (
                <th scope="col" key={role.id}>
                  <RoleHead role={role} onChange={onChange} onDelete={onDelete} />
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {matching.slice(0, ROWS_MAX).map(({ scope, meaning }) => (
              <tr key={scope}>
                <th scope="row">
                  <code>{scope}</code>
                  <br />
                  <small>{meaning}</small>
                </th>
                {roles.map((role) => (
                  <td key={role.id}>{role.scopes.includes(scope) ? <Granted /> : <NotGranted />}</td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </section>
    </>
  )
}

function RoleHead({
  role,
  onChange,
  onDelete,
}: { readonly role: Role } & Pick<RoleTableProps, 'onChange' | 'onDelete'>) {
  return (
    <>
      {role.name}
      {!role.is_system && (
        <span className="row">
          <button type="button" className="plain" onClick={() => onChange(role)}>
            Change <span className="visually-hidden">{role.name}</span>
          </button>
          <button type="button" className="plain hurts" onClick={() => onDelete(role)}>
            Delete <span className="visually-hidden">{role.name}</span>
          </button>
        </span>
      )}
    </>
  )
}

function Granted() {
  return (
    <>
      <span aria-hidden="true">●</span>
      <span className="visually-hidden">yes</span>
    </>
  )
}

function NotGranted() {
  return (
    <>
      <span aria-hidden="true" className="soft">
        –
      </span>
      <span className="visually-hidden">no</span>
    </>
  )
}
