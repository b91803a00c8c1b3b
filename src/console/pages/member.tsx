import { useMutation, useQueryClient } from '@tanstack/react-query'
import { Link, useNavigate, useParams } from '@tanstack/react-router'
import { useState } from 'react'
import { api } from '../api/client'
import { meQuery } from '../api/me'
import { type Member, useMember } from '../api/members'
import { Confirm } from '../components/dialogs'
import { Instant } from '../components/instant'
import { Page, Progress } from '../components/page'
import { ProblemNotice } from '../components/problem'
import { MemberOverrides } from './member-overrides'
import { MemberRoles } from './member-roles'
import { MemberStateBadge } from './member-state'

/** One member: state, roles and overrides. */
export function MemberPage() {
  const { tenant_id, user_id } = useParams({ from: '/t/$tenant_id/members/$user_id' })
  const member = useMember(tenant_id, user_id)
  if (member.data === undefined) {
    return (
      <Page title="Member">
        {member.error === null ? <Progress>Loading the member</Progress> : <ProblemNotice error={member.error} />}
      </Page>
    )
  }
  return <LoadedMember tenant_id={tenant_id} member={member.data} />
}

function LoadedMember({ tenant_id, member }: { readonly tenant_id: string; readonly member: Member }) {
  const { user_id, state } = member
  const path = { tenant_id, user_id }
  const name = member.name ?? 'A pending member'
  const [is_removing, setRemoving] = useState(false)
  const queries = useQueryClient()
  const navigate = useNavigate()
  // The user may have changed their own rights.
  const changed = async () => {
    await queries.invalidateQueries({ queryKey: ['members', tenant_id] })
    await queries.invalidateQueries(meQuery)
  }
  const changing = useMutation({
    mutationFn: (state: 'active' | 'disabled') =>
      api.PATCH('/v1/tenants/{tenant_id}/members/{user_id}', { params: { path }, body: { state } }),
    onSuccess: changed,
  })
  return (
    <Page
      title={name}
      actions={
        <div className="row">
          {state !== 'pending' && (
            <button
              type="button"
              disabled={changing.isPending}
              onClick={() => changing.mutate(state === 'active' ? 'disabled' : 'active')}
            >
              {state === 'active' ? 'Disable' : 'Enable'}
            </button>
          )}
          <button type="button" className="hurts" onClick={() => setRemoving(true)}>
            Remove
          </button>
        </div>
      }
    >
      <Link to="/t/$tenant_id/members" params={{ tenant_id }}>
        All members
      </Link>
      <ProblemNotice error={changing.error} />
      <dl className="facts">
        <dt>Email</dt>
        <dd>{member.email ?? 'hidden until the user accepts the membership'}</dd>
        <dt>State</dt>
        <dd>
          <MemberStateBadge state={state} />
        </dd>
        <dt>Id</dt>
        <dd className="mono">{user_id}</dd>
        <dt>Member since</dt>
        <dd>
          <Instant at={member.created_at} />
        </dd>
      </dl>
      <Link to="/t/$tenant_id/why" params={{ tenant_id }} search={{ user_id }}>
        Why may this member do something, or not?
      </Link>
      {/* A change by somebody else begins the form again. */}
      <MemberRoles key={member.roles.join()} tenant_id={tenant_id} member={member} onSaved={changed} />
      <MemberOverrides tenant_id={tenant_id} user_id={user_id} onSaved={changed} />
      {is_removing && (
        <Confirm
          title={`Remove ${name}`}
          action="Remove"
          onClose={() => setRemoving(false)}
          onConfirm={async () => {
            await api.DELETE('/v1/tenants/{tenant_id}/members/{user_id}', { params: { path } })
            await navigate({ to: '/t/$tenant_id/members', params: { tenant_id } })
            await changed()
          }}
        >
          <p>
            The next request of this member is refused, and their overrides are deleted. They need a new invitation.
          </p>
        </Confirm>
      )}
    </Page>
  )
}
