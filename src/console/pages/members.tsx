import { Link, useParams, useSearch } from '@tanstack/react-router'
import { type Member, useMembers } from '../api/members'
import { Instant } from '../components/instant'
import { Empty, Page, Progress } from '../components/page'
import { Pager } from '../components/pager'
import { ProblemNotice } from '../components/problem'
import { Table } from '../components/table'
import { MemberStateBadge } from './member-state'

/** The members of a tenant. */
export function Members() {
  const { tenant_id } = useParams({ from: '/t/$tenant_id' })
  const { cursor } = useSearch({ from: '/t/$tenant_id/members' })
  const members = useMembers(tenant_id, cursor)
  return (
    <Page
      title="Members"
      about="A change of roles applies from the next request of the member."
      actions={
        <Link className="button" to="/t/$tenant_id/invitations" params={{ tenant_id }}>
          Invite somebody
        </Link>
      }
    >
      <ProblemNotice error={members.error} />
      {members.isPending && <Progress>Loading the members</Progress>}
      {members.data !== undefined && <MemberTable tenant_id={tenant_id} members={members.data.data} />}
      {members.data !== undefined && <Pager cursor={cursor} next_cursor={members.data.next_cursor} />}
    </Page>
  )
}

function MemberTable({ tenant_id, members }: { readonly tenant_id: string; readonly members: readonly Member[] }) {
  if (members.length === 0) return <Empty>There is no member here. Go to the first page, or invite somebody.</Empty>
  return (
    <Table columns={['Name', 'Email', 'State', 'Roles', 'Member since']}>
      {members.map(({ user_id, name, email, state, roles, created_at }) => (
        <tr key={user_id}>
          <th scope="row">
            <Link to="/t/$tenant_id/members/$user_id" params={{ tenant_id, user_id }}>
              {name ?? 'A pending member'}
            </Link>
          </th>
          <td>{email ?? <span className="soft">hidden until they accept</span>}</td>
          <td>
            <MemberStateBadge state={state} />
          </td>
          <td>{roles.join(', ') || 'none'}</td>
          <td>
            <Instant at={created_at} />
          </td>
        </tr>
      ))}
    </Table>
  )
}
