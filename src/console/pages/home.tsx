import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { api } from '../api/client'
import { type Me, meQuery } from '../api/me'
import { Empty, Page, Progress } from '../components/page'
import { ProblemNotice } from '../components/problem'
import { Table } from '../components/table'

/** The tenants of the user, and the memberships that others offer them. */
export function Home() {
  const me = useQuery(meQuery)
  if (me.error !== null) return <ProblemNotice error={me.error} />
  if (me.data === undefined) return <Progress>Loading your tenants</Progress>
  return <Tenants me={me.data} />
}

function Tenants({ me }: { readonly me: Me }) {
  return (
    <Page title="Your tenants">
      {me.pending_memberships.map((offer) => (
        <Offer key={offer.tenant.id} offer={offer} />
      ))}
      {me.pending_appointment !== null && <Appointment privileges={me.pending_appointment.privileges} />}
      {me.memberships.length === 0 && me.pending_memberships.length === 0 && (
        <Empty>
          You are a member of no tenant. Ask a member who manages users to invite <strong>{me.email}</strong>.
        </Empty>
      )}
      {me.memberships.length > 0 && (
        <Table columns={['Tenant', 'Your roles', 'State']}>
          {me.memberships.map(({ tenant, roles, state }) => (
            <tr key={tenant.id}>
              <th scope="row">
                {state === 'active' ? (
                  <Link to="/t/$tenant_id/why" params={{ tenant_id: tenant.id }}>
                    {tenant.name}
                  </Link>
                ) : (
                  tenant.name
                )}
              </th>
              <td>{roles.join(', ') || 'none'}</td>
              <td>
                <span className={state === 'active' ? 'badge good' : 'badge'}>{state}</span>
              </td>
            </tr>
          ))}
        </Table>
      )}
    </Page>
  )
}

/** The offer to become an operator. */
function Appointment({ privileges }: { readonly privileges: readonly string[] }) {
  const queries = useQueryClient()
  const answering = useMutation({
    mutationFn: async (accept: boolean) => {
      if (accept) await api.POST('/v1/me/operator/accept')
      else await api.POST('/v1/me/operator/decline')
    },
    onSettled: () => queries.invalidateQueries(meQuery),
  })
  return (
    <div className="note">
      <p>You are offered to become an operator of the platform with: {privileges.join(', ')}.</p>
      <Answer answering={answering} />
    </div>
  )
}

function Offer({ offer }: { readonly offer: Me['pending_memberships'][number] }) {
  const queries = useQueryClient()
  const params = { path: { tenant_id: offer.tenant.id } }
  const answering = useMutation({
    mutationFn: async (accept: boolean) => {
      if (accept) await api.POST('/v1/me/memberships/{tenant_id}/accept', { params })
      else await api.POST('/v1/me/memberships/{tenant_id}/decline', { params })
    },
    onSettled: () => queries.invalidateQueries(meQuery),
  })
  return (
    <div className="note">
      <p>
        <strong>{offer.tenant.name}</strong> offers you a membership with the roles{' '}
        {offer.roles.join(', ') || 'none yet'}.
      </p>
      <Answer answering={answering} />
    </div>
  )
}

interface AnswerProps {
  readonly answering: {
    readonly error: unknown
    readonly isPending: boolean
    mutate(accept: boolean): void
  }
}

function Answer({ answering }: AnswerProps) {
  return (
    <>
      <ProblemNotice error={answering.error} />
      <div className="row">
        <button type="button" className="primary" disabled={answering.isPending} onClick={() => answering.mutate(true)}>
          Accept
        </button>
        <button type="button" disabled={answering.isPending} onClick={() => answering.mutate(false)}>
          Decline
        </button>
      </div>
    </>
  )
}
