import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useParams, useSearch } from '@tanstack/react-router'
import { useState } from 'react'
import { api } from '../api/client'
import { type Invitation, useInvitations } from '../api/members'
import { Confirm } from '../components/dialogs'
import { Page, Progress } from '../components/page'
import { Pager } from '../components/pager'
import { ProblemNotice } from '../components/problem'
import { InvitationTable } from './invitation-table'
import { InviteDialog } from './invite'

/** The invitations of a tenant, open and closed. */
export function Invitations() {
  const { tenant_id } = useParams({ from: '/t/$tenant_id' })
  const { cursor } = useSearch({ from: '/t/$tenant_id/invitations' })
  const invitations = useInvitations(tenant_id, cursor)
  const queries = useQueryClient()
  const [is_inviting, setInviting] = useState(false)
  const [revoking, setRevoking] = useState<Invitation>()
  const changed = () => queries.invalidateQueries({ queryKey: ['invitations', tenant_id] })
  const resending = useMutation({
    mutationFn: ({ id }: Invitation) =>
      api.POST('/v1/tenants/{tenant_id}/invitations/{invitation_id}/resend', {
        params: { path: { tenant_id, invitation_id: id } },
      }),
    onSuccess: changed,
  })
  return (
    <Page
      title="Invitations"
      about="An invitation is a mail with a link that works once, for 72 hours."
      actions={
        <button type="button" className="primary" onClick={() => setInviting(true)}>
          Invite
        </button>
      }
    >
      <ProblemNotice error={invitations.error ?? resending.error} />
      {resending.isSuccess && (
        <p className="note" role="status">
          A new mail to {resending.variables.email} is on its way. The link of the old one ended.
        </p>
      )}
      {invitations.isPending && <Progress>Loading the invitations</Progress>}
      {invitations.data !== undefined && (
        <InvitationTable
          invitations={invitations.data.data}
          is_busy={resending.isPending}
          onResend={(invitation) => resending.mutate(invitation)}
          onRevoke={setRevoking}
        />
      )}
      {invitations.data !== undefined && <Pager cursor={cursor} next_cursor={invitations.data.next_cursor} />}
      {is_inviting && <InviteDialog tenant_id={tenant_id} onInvited={changed} onClose={() => setInviting(false)} />}
      {revoking !== undefined && (
        <Confirm
          title="Revoke the invitation"
          action="Revoke"
          onClose={() => setRevoking(undefined)}
          onConfirm={async () => {
            await api.DELETE('/v1/tenants/{tenant_id}/invitations/{invitation_id}', {
              params: { path: { tenant_id, invitation_id: revoking.id } },
            })
            await changed()
          }}
        >
          <p>
            The link in the mail to <strong>{revoking.email}</strong> stops working.
          </p>
        </Confirm>
      )}
    </Page>
  )
}
