import { type Invitation, type InvitationState, stateOfInvitation } from '../api/members'
import { Instant } from '../components/instant'
import { Empty } from '../components/page'
import { Table } from '../components/table'

const LOOK: Readonly<Record<InvitationState, string>> = {
  open: 'badge warn',
  accepted: 'badge good',
  declined: 'badge',
  revoked: 'badge',
  expired: 'badge',
}

interface InvitationTableProps {
  readonly invitations: readonly Invitation[]
  readonly is_busy: boolean
  readonly onResend: (invitation: Invitation) => void
  readonly onRevoke: (invitation: Invitation) => void
}

export function InvitationTable({ invitations, is_busy, onResend, onRevoke }: InvitationTableProps) {
  if (invitations.length === 0) return <Empty>There is no invitation here. Invite somebody by their email.</Empty>
  return (
    <Table columns={['Email', 'Roles', 'State', 'Mail', 'Expires']} has_actions>
      {invitations.map((invitation) => (
        <tr key={invitation.id}>
          <th scope="row">{invitation.email}</th>
          <td>{invitation.roles.join(', ') || 'none'}</td>
          <td>
            <span className={LOOK[stateOfInvitation(invitation)]}>{stateOfInvitation(invitation)}</span>
          </td>
          <td>
            <Delivery delivery={invitation.delivery} />
          </td>
          <td>
            <Instant at={invitation.expires_at} />
          </td>
          <td>
            {isOpen(invitation) && (
              <span className="row">
                <button type="button" className="plain" disabled={is_busy} onClick={() => onResend(invitation)}>
                  Send again <span className="visually-hidden">to {invitation.email}</span>
                </button>
                <button type="button" className="plain hurts" onClick={() => onRevoke(invitation)}>
                  Revoke <span className="visually-hidden">the invitation of {invitation.email}</span>
                </button>
              </span>
            )}
          </td>
        </tr>
      ))}
    </Table>
  )
}

/** An expired invitation can be sent again, with a new link. */
function isOpen(invitation: Invitation): boolean {
  return ['open', 'expired'].includes(stateOfInvitation(invitation))
}

function Delivery({ delivery: { state, reason, at } }: { readonly delivery: Invitation['delivery'] }) {
  return (
    <>
      <span className={state === 'failed' ? 'badge bad' : 'badge'}>{state}</span>{' '}
      <small>
        <Instant at={at} /> {reason}
      </small>
    </>
  )
}
