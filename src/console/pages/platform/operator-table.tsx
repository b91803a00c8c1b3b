import type { Operator } from '../../api/platform'
import { Instant } from '../../components/instant'

interface OperatorTableProps {
  readonly operators: readonly Operator[]
  readonly onChange: (operator: Operator) => void
  readonly onDismiss: (operator: Operator) => void
}

export function OperatorTable({ operators, onChange, onDismiss }: OperatorTableProps) {
  return (
    <div className="table-frame">
      <table>
        <thead>
          <tr>
            <th scope="col">Operator</th>
            <th scope="col">State</th>
            <th scope="col">Privileges</th>
            <th scope="col">Since</th>
            <th scope="col">
              <span className="visually-hidden">Actions</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {operators.map((operator) => (
            <tr key={operator.user_id}>
              <th scope="row">
                {operator.name ?? 'An offer'}
                <br />
                <small>{operator.email ?? operator.user_id}</small>
              </th>
              <td>
                <span className={operator.state === 'active' ? 'badge good' : 'badge warn'}>{operator.state}</span>
              </td>
              <td>
                <small>{operator.privileges.join(', ')}</small>
              </td>
              <td>
                <Instant at={operator.created_at} />
              </td>
              <td>
                <span className="row">
                  <button type="button" className="plain" onClick={() => onChange(operator)}>
                    Change <span className="visually-hidden">{nameOf(operator)}</span>
                  </button>
                  <button type="button" className="plain hurts" onClick={() => onDismiss(operator)}>
                    Dismiss <span className="visually-hidden">{nameOf(operator)}</span>
                  </button>
                </span>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

function nameOf({ name, user_id }: Operator): string {
  return name ?? `the offer to ${user_id}`
}
