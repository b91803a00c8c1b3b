import { useState } from 'react'
import { api } from '../api/client'
import { type Override, useOverrides } from '../api/members'
import { asScope } from '../api/scope'
import { useScopes } from '../api/scopes'
import { Confirm } from '../components/dialogs'
import { Instant } from '../components/instant'
import { Empty, Progress } from '../components/page'
import { ProblemNotice } from '../components/problem'
import { Table } from '../components/table'
import { OverrideDialog } from './override-dialog'

interface MemberOverridesProps {
  readonly tenant_id: string
  readonly user_id: string
  readonly onSaved: () => Promise<unknown>
}

/** Grants and denies of one scope, which only this member has. */
export function MemberOverrides({ tenant_id, user_id, onSaved }: MemberOverridesProps) {
  const overrides = useOverrides(tenant_id, user_id)
  const scopes = useScopes(tenant_id)
  const [is_setting, setSetting] = useState(false)
  const [removing, setRemoving] = useState<string>()
  return (
    <section className="stack wide" aria-labelledby="overrides">
      <div className="row spread wide">
        <h2 id="overrides">Overrides</h2>
        <button type="button" disabled={scopes.data === undefined} onClick={() => setSetting(true)}>
          Set an override
        </button>
      </div>
      <ProblemNotice error={overrides.error ?? scopes.error} />
      {overrides.isPending && <Progress>Loading the overrides</Progress>}
      {overrides.data !== undefined && <OverrideTable overrides={overrides.data} onRemove={setRemoving} />}
      {is_setting && (
        <OverrideDialog
          tenant_id={tenant_id}
          user_id={user_id}
          scopes={scopes.data?.filter(({ is_known }) => is_known).map(({ scope }) => scope) ?? []}
          onSaved={onSaved}
          onClose={() => setSetting(false)}
        />
      )}
      {removing !== undefined && (
        <Confirm
          title="Remove the override"
          action="Remove"
          onClose={() => setRemoving(undefined)}
          onConfirm={async () => {
            await api.DELETE('/v1/tenants/{tenant_id}/members/{user_id}/overrides/{scope}', {
              params: { path: { tenant_id, user_id, scope: asScope(removing) } },
            })
            await onSaved()
          }}
        >
          <p>
            From the next request on, only the roles of the member decide about <code>{removing}</code>.
          </p>
        </Confirm>
      )}
    </section>
  )
}

interface OverrideTableProps {
  readonly overrides: readonly Override[]
  readonly onRemove: (scope: string) => void
}

function OverrideTable({ overrides, onRemove }: OverrideTableProps) {
  if (overrides.length === 0) {
    return <Empty>Only the roles decide. Set an override to grant or deny one scope to this member alone.</Empty>
  }
  return (
    <Table columns={['Scope', 'Effect', 'Reason', 'Since']} has_actions>
      {overrides.map(({ scope, effect, reason, created_at }) => (
        <tr key={scope}>
          <th scope="row">
            <code>{scope}</code>
          </th>
          <td>
            <span className={effect === 'deny' ? 'badge bad' : 'badge good'}>{effect}</span>
          </td>
          <td>{reason}</td>
          <td>
            <Instant at={created_at} />
          </td>
          <td>
            <button type="button" className="plain hurts" onClick={() => onRemove(scope)}>
              Remove <span className="visually-hidden">{scope}</span>
            </button>
          </td>
        </tr>
      ))}
    </Table>
  )
}
