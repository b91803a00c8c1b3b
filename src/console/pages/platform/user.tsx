import { useMutation, useQueryClient } from '@tanstack/react-query'
import { Link, useParams } from '@tanstack/react-router'
import { useState } from 'react'
import { api } from '../../api/client'
import { type PlatformUser, useMayOnPlatform, usePlatformUser } from '../../api/platform'
import { Confirm } from '../../components/dialogs'
import { Instant } from '../../components/instant'
import { Page, Progress } from '../../components/page'
import { ProblemNotice } from '../../components/problem'
import { UserStateBadge } from './user-state'

/** One user as operators see them. */
export function PlatformUserPage() {
  const { id } = useParams({ from: '/platform/users/$id' })
  const user = usePlatformUser(id)
  if (user.data === undefined) {
    return (
      <Page title="User">
        {user.error === null ? <Progress>Loading the user</Progress> : <ProblemNotice error={user.error} />}
      </Page>
    )
  }
  return <LoadedUser user={user.data} />
}

function LoadedUser({ user }: { readonly user: PlatformUser }) {
  const may_manage = useMayOnPlatform()('platform:users:manage')
  const [is_disabling, setDisabling] = useState(false)
  const queries = useQueryClient()
  const params = { path: { id: user.id } }
  const changed = () => queries.invalidateQueries({ queryKey: ['platform'] })
  const helping = useMutation({
    mutationFn: async (what: 'enable' | 'unlock') => {
      if (what === 'enable') await api.POST('/v1/platform/users/{id}/enable', { params })
      else await api.POST('/v1/platform/users/{id}/unlock', { params })
    },
    onSuccess: changed,
  })
  return (
    <Page title={user.name} actions={may_manage && <UserActions />}>
      <Link to="/platform/users">All users</Link>
      <ProblemNotice error={helping.error} />
      {helping.isSuccess && helping.variables === 'unlock' && (
        <p className="note" role="status">
          The user can try to log in again at once.
        </p>
      )}
      <dl className="facts">
        <dt>Email</dt>
        <dd>{user.email}</dd>
        <dt>State</dt>
        <dd>
          <UserStateBadge user={user} />
        </dd>
        <dt>Id</dt>
        <dd className="mono">{user.id}</dd>
        <dt>Created</dt>
        <dd>
          <Instant at={user.created_at} />
        </dd>
        <dt>Tenants</dt>
        <dd>
          {user.memberships.length === 0 && 'none'}
          {user.memberships.map(({ tenant, state, roles }) => (
            <p key={tenant.id}>
              <Link to="/platform/tenants/$id" params={{ id: tenant.id }}>
                {tenant.name}
              </Link>
              : {state}, {roles.join(', ') || 'no role'}
            </p>
          ))}
        </dd>
      </dl>
      {is_disabling && (
        <Confirm
          title={`Disable ${user.name}`}
          action="Disable"
          onClose={() => setDisabling(false)}
          onConfirm={async () => {
            await api.POST('/v1/platform/users/{id}/disable', { params, body: {} })
            await changed()
          }}
        >
          <p>
            Every session of the user ends, and the user cannot log in to any tenant until an operator enables them.
          </p>
        </Confirm>
      )}
    </Page>
  )

  function UserActions() {
    return (
      <div className="row">
        <button type="button" disabled={helping.isPending} onClick={() => helping.mutate('unlock')}>
          End a login pause
        </button>
        {user.disabled_at === null ? (
          <button type="button" className="hurts" onClick={() => setDisabling(true)}>
            Disable
          </button>
        ) : (
          <button type="button" disabled={helping.isPending} onClick={() => helping.mutate('enable')}>
            Enable
          </button>
        )}
      </div>
    )
  }
}
