import type { Operator } from '../../api/platform'
import { Instant } from '../../components/instant'
import { Table } from '../../components/table'

interface OperatorTableProps {
  readonly operators: readonly Operator[]
  readonly onChange: (operator: Operator) => void
  readonly onDismiss: (operator: Operator) => void
}

export function OperatorTable({ operators, onChange, onDismiss }: OperatorTableProps) {
  return (
    <Table columns={['Operator', 'State', 'Privileges', 'Since']} has_actions>
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
    </Table>
  )
}

function nameOf({ name, user_id }: Operator): string {
  return name ?? `the offer to ${user_id}`
}
