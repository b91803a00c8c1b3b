import { Link, useSearch } from '@tanstack/react-router'
import { usePlatformUsers } from '../../api/platform'
import { Instant } from '../../components/instant'
import { Empty, Page, Progress } from '../../components/page'
import { Pager } from '../../components/pager'
import { ProblemNotice } from '../../components/problem'
import { Table } from '../../components/table'
import { UserStateBadge } from './user-state'

/** The users of the platform. */
export function PlatformUsers() {
  const { cursor } = useSearch({ from: '/platform/users' })
  const users = usePlatformUsers(cursor)
  return (
    <Page title="Users">
      <ProblemNotice error={users.error} />
      {users.isPending && <Progress>Loading the users</Progress>}
      {users.data?.data.length === 0 && <Empty>There is no user here. Go to the first page.</Empty>}
      {users.data !== undefined && users.data.data.length > 0 && (
        <Table columns={['Name', 'Email', 'State', 'Created']}>
          {users.data.data.map((user) => (
            <tr key={user.id}>
              <th scope="row">
                <Link to="/platform/users/$id" params={{ id: user.id }}>
                  {user.name}
                </Link>
              </th>
              <td>{user.email}</td>
              <td>
                <UserStateBadge user={user} />
              </td>
              <td>
                <Instant at={user.created_at} />
              </td>
            </tr>
          ))}
        </Table>
      )}
      {users.data !== undefined && <Pager cursor={cursor} next_cursor={users.data.next_cursor} />}
    </Page>
  )
}
