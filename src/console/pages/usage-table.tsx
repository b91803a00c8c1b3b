import { Table } from '../components/table'
import type { UsageAnswer } from './usage-points'
import { GROUPS, type Group } from './usage-search'

/** How many groups the table shows, those with the most requests. */
const ROWS_MAX = 100

interface UsageTableProps {
  readonly by: Group
  readonly usage: UsageAnswer
}

/** Where requests come from, or why they were refused. */
export function UsageTable({ by, usage: { data, is_cut } }: UsageTableProps) {
  const rows = [...data].sort((one, other) => other.requests - one.requests)
  return (
    <>
      <Table
        columns={[
          GROUPS[by],
          { numeric: 'Requests' },
          { numeric: 'Refusals' },
          { numeric: 'Average, ms' },
          { numeric: 'Slowest, ms' },
        ]}
      >
        {rows.slice(0, ROWS_MAX).map((row) => (
          <tr key={row.group}>
            <th scope="row">{row.group === '' ? <span className="soft">none</span> : <code>{row.group}</code>}</th>
            <td className="number">{row.requests.toLocaleString()}</td>
            <td className="number">{row.refusals.toLocaleString()}</td>
            <td className="number">{row.duration_ms_average.toFixed(1)}</td>
            <td className="number">{row.duration_ms_max.toFixed(1)}</td>
          </tr>
        ))}
      </Table>
      {(rows.length > ROWS_MAX || is_cut) && <p className="soft">Only the groups with the most requests are shown.</p>}
    </>
  )
}
