import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useSearch } from '@tanstack/react-router'
import { useState } from 'react'
import { api, bodyOf } from '../api/client'
import { pageQuery } from '../api/pages'
import type { paths } from '../api/schema'
import { Confirm } from '../components/dialogs'
import { Instant } from '../components/instant'
import { Page, Progress } from '../components/page'
import { Pager } from '../components/pager'
import { ProblemNotice } from '../components/problem'
import { Table } from '../components/table'
import { PasswordForm } from './password-form'

type SessionRow = paths['/v1/me/sessions']['get']['responses'][200]['content']['application/json']['data'][number]

/** What belongs to the user and to no tenant: their sessions and their password. */
export function Account() {
  return (
    <Page title="Your account">
      <Sessions />
      <PasswordForm />
    </Page>
  )
}

function Sessions() {
  const { cursor } = useSearch({ from: '/account' })
  const queries = useQueryClient()
  const [ending, setEnding] = useState<SessionRow>()
  const sessions = useQuery({
    queryKey: ['sessions', cursor],
    queryFn: () => bodyOf(api.GET('/v1/me/sessions', { params: { query: pageQuery(cursor) } })),
  })
  return (
    <section className="stack wide" aria-labelledby="sessions">
      <h2 id="sessions">Sessions</h2>
      <ProblemNotice error={sessions.error} />
      {sessions.isPending && <Progress>Loading your sessions</Progress>}
      {sessions.data !== undefined && <SessionTable rows={sessions.data.data} onEnd={setEnding} />}
      {sessions.data !== undefined && <Pager cursor={cursor} next_cursor={sessions.data.next_cursor} />}
      {ending !== undefined && (
        <Confirm
          title="End the session"
          action="End it"
          onClose={() => setEnding(undefined)}
          onConfirm={async () => {
            await api.DELETE('/v1/me/sessions/{session_id}', { params: { path: { session_id: ending.id } } })
            await queries.invalidateQueries({ queryKey: ['sessions'] })
          }}
        >
          <p>The next request of this session is refused, and its open streams are closed.</p>
        </Confirm>
      )}
    </section>
  )
}

interface SessionTableProps {
  readonly rows: readonly SessionRow[]
  readonly onEnd: (row: SessionRow) => void
}

function SessionTable({ rows, onEnd }: SessionTableProps) {
  return (
    <Table columns={['Program', 'Address', 'Since', 'Expires']} has_actions>
      {rows.map((row) => (
        <tr key={row.id}>
          <th scope="row">{row.user_agent ?? 'unknown'}</th>
          <td>{row.address ?? 'unknown'}</td>
          <td>
            <Instant at={row.created_at} />
          </td>
          <td>
            <Instant at={row.expires_at} />
          </td>
          <td>
            {row.is_current ? (
              <span className="badge good">this one</span>
            ) : (
              <button type="button" className="plain hurts" onClick={() => onEnd(row)}>
                End <span className="visually-hidden">the session from {row.address}</span>
              </button>
            )}
          </td>
        </tr>
      ))}
    </Table>
  )
}
