import type { paths } from '../api/schema'
import { Instant } from '../components/instant'
import { Empty } from '../components/page'
import { Table } from '../components/table'

type AuditEvent =
  paths['/v1/tenants/{tenant_id}/audit-events']['get']['responses'][200]['content']['application/json']['data'][number]

interface AuditTableProps {
  readonly events: readonly AuditEvent[]
  readonly is_filtered: boolean
}

export function AuditTable({ events, is_filtered }: AuditTableProps) {
  if (events.length === 0) {
    return <Empty>{is_filtered ? 'No event matches. Remove a filter.' : 'There is no event here yet.'}</Empty>
  }
  return (
    <Table columns={['Time', 'Action', 'Actor', 'Target', 'Request']}>
      {events.map((event) => (
        <tr key={event.id}>
          <td>
            <Instant at={event.created_at} />
          </td>
          <th scope="row">
            <code>{event.action}</code>
            <Changes event={event} />
          </th>
          <td>
            <Subject kind={event.actor_kind} id={event.actor_id} />
          </td>
          <td>
            <Subject kind={event.target_kind} id={event.target_id} />
          </td>
          <td>
            <small>
              {event.address ?? 'no address'}
              <br />
              <span className="mono">{event.request_id}</span>
            </small>
          </td>
        </tr>
      ))}
    </Table>
  )
}

function Subject({ kind, id }: { readonly kind: string; readonly id: string | null }) {
  return (
    <>
      {kind}
      <br />
      <small className="mono">{id}</small>
    </>
  )
}

function Changes({ event: { changes, user_agent, chain_seq } }: { readonly event: AuditEvent }) {
  return (
    <details className="details">
      <summary>Details</summary>
      <pre>{JSON.stringify({ changes, user_agent, chain_seq }, null, 2)}</pre>
    </details>
  )
}
