import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { api, bodyOf } from '../api/client'
import type { Explanation } from '../api/explanation'
import { meQuery, useHolds } from '../api/me'
import { asScopes, type Scope } from '../api/scope'
import { Confirm } from '../components/dialogs'
import { ProblemNotice } from '../components/problem'
import { OverrideDialog } from './override-dialog'

interface RemedyProps {
  readonly tenant_id: string
  readonly explanation: Explanation
}

/** Reads everything again after a change of rights: the answer, the member, and what the console may offer. */
function useChanged() {
  const queries = useQueryClient()
  return async () => {
    for (const queryKey of [['explain'], ['members'], ['keys'], meQuery.queryKey]) {
      await queries.invalidateQueries({ queryKey })
    }
  }
}

/** What would let a member send the request, for a user who may change members. */
export function WhyMemberRemedies({ tenant_id, explanation }: RemedyProps) {
  const { principal, missing, denied_by_override, granted_by_roles } = explanation
  const path = { tenant_id, user_id: principal.id }
  const may_change = useHolds(tenant_id)('users:manage')
  const changed = useChanged()
  const [granting, setGranting] = useState<string>()
  const [lifting, setLifting] = useState<string>()
  const member = useQuery({
    queryKey: ['members', tenant_id, principal.id],
    queryFn: () => bodyOf(api.GET('/v1/tenants/{tenant_id}/members/{user_id}', { params: { path } })),
    enabled: may_change,
  })
  const updating = useMutation({
    mutationFn: (body: { roles?: string[]; state?: 'active' }) =>
      api.PATCH('/v1/tenants/{tenant_id}/members/{user_id}', { params: { path }, body }),
    onSuccess: changed,
  })
  if (!may_change) return <p className="soft">A member with the scope users:manage can change this.</p>
  if (member.data === undefined) return <ProblemNotice error={member.error} />
  const { roles, state } = member.data
  // The gateway names the widest role first. The narrowest change comes first here.
  const rolesByWidth = [...granted_by_roles].reverse()
  const lacking = missing.filter((scope) => !denied_by_override.includes(scope))
  return (
    <>
      <h3>What would change it</h3>
      <ProblemNotice error={updating.error} />
      <div className="row">
        {state === 'disabled' && (
          <button type="button" disabled={updating.isPending} onClick={() => updating.mutate({ state: 'active' })}>
            Enable this member
          </button>
        )}
        {denied_by_override.map((scope) => (
          <button type="button" key={scope} onClick={() => setLifting(scope)}>
            Remove the override on {scope}
          </button>
        ))}
        {lacking.map((scope) => (
          <button type="button" key={scope} onClick={() => setGranting(scope)}>
            Grant only {scope}
          </button>
        ))}
        {lacking.length > 0 &&
          rolesByWidth.map((role) => (
            <button
              type="button"
              key={role}
              disabled={updating.isPending}
              onClick={() => updating.mutate({ roles: [...roles, role] })}
            >
              Give the role {role}
            </button>
          ))}
      </div>
      {state === 'pending' && <p className="soft">The user must accept the membership first.</p>}
      {granting !== undefined && (
        <OverrideDialog
          tenant_id={tenant_id}
          user_id={principal.id}
          scope={granting}
          onSaved={changed}
          onClose={() => setGranting(undefined)}
        />
      )}
      {lifting !== undefined && (
        <Confirm
          title="Remove the override"
          action="Remove"
          onClose={() => setLifting(undefined)}
          onConfirm={async () => {
            await api.DELETE('/v1/tenants/{tenant_id}/members/{user_id}/overrides/{scope}', {
              params: { path: { ...path, scope: lifting } },
            })
            await changed()
          }}
        >
          <p>
            Somebody denied <code>{lifting}</code> to this member on purpose. Without the override, the roles of the
            member decide.
          </p>
        </Confirm>
      )}
    </>
  )
}

/** What would let a key send the request, for a user who may change keys. */
export function WhyKeyRemedies({ tenant_id, explanation: { principal, missing } }: RemedyProps) {
  const path = { tenant_id, key_id: principal.id }
  const may_change = useHolds(tenant_id)('keys:manage')
  const changed = useChanged()
  const key = useQuery({
    queryKey: ['keys', tenant_id, principal.id],
    queryFn: () => bodyOf(api.GET('/v1/tenants/{tenant_id}/keys/{key_id}', { params: { path } })),
    enabled: may_change,
  })
  const updating = useMutation({
    mutationFn: (body: { scopes?: Scope[]; disabled?: boolean }) =>
      api.PATCH('/v1/tenants/{tenant_id}/keys/{key_id}', { params: { path }, body }),
    onSuccess: changed,
  })
  if (!may_change) return <p className="soft">A member with the scope keys:manage can change this.</p>
  if (key.data === undefined) return <ProblemNotice error={key.error} />
  const { scopes, disabled_at, revoked_at } = key.data
  if (revoked_at !== null) return <p className="soft">A revoked key stays revoked. Create another one.</p>
  return (
    <>
      <h3>What would change it</h3>
      <ProblemNotice error={updating.error} />
      <div className="row">
        {disabled_at !== null && (
          <button type="button" disabled={updating.isPending} onClick={() => updating.mutate({ disabled: false })}>
            Enable this key
          </button>
        )}
        {missing.length > 0 && (
          <button
            type="button"
            disabled={updating.isPending}
            onClick={() => updating.mutate({ scopes: asScopes([...scopes, ...missing]) })}
          >
            Give the key {missing.join(', ')}
          </button>
        )}
      </div>
      {missing.length > 0 && (
        <p className="soft">Or send the access token of a user with the key: then the scopes of the user decide.</p>
      )}
    </>
  )
}
