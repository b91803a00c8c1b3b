import type { ProblemRow } from './row.js'

/** Problems of the object: its current state does not permit the change. */
export const STATE_PROBLEMS = {
  already_exists: {
    status: 409,
    title: 'Already exists',
    detail: 'Another object has the same unique value. See conflicting_field.',
    explanation:
      'conflicting_field names the field whose value must be unique. In one tenant, these are phone, email and external_id of a customer.',
  },
  email_unverified: {
    status: 409,
    title: 'Email not verified',
    detail: 'The user has not verified their email address yet.',
    explanation:
      'Anybody can register with any address. Until a user has verified the address, it does not identify the user, so the user cannot become Owner, member or operator, and cannot invite. POST /v1/me/email-verification sends a new link.',
  },
  invalid_state: {
    status: 409,
    title: 'Not possible in this state',
    detail: 'The current state of the object does not permit this change.',
    explanation: 'The detail names the current state and what must happen first.',
  },
  conversation_closed: {
    status: 409,
    title: 'Conversation closed',
    detail: 'The conversation is closed. Set its status to open first.',
    explanation:
      'A closed conversation accepts no new messages, no edits and no hand-off. A caller with conversations:edit can open it again. Its messages can still be read, reported and deleted.',
  },
  already_reported: {
    status: 409,
    title: 'Already reported',
    detail: 'You have already reported this message.',
    explanation: 'A user reports a message once. GET /v1/reports/mine shows the decision.',
  },
  already_decided: {
    status: 409,
    title: 'Already decided',
    detail: 'This report is already reviewed or dismissed.',
    explanation: 'A report is decided once. The report shows its status and who decided it.',
  },
  rotation_in_progress: {
    status: 409,
    title: 'Rotation in progress',
    detail:
      'The previous secret of this key still works. Wait until its overlap ends, or rotate with overlap_seconds 0.',
    explanation:
      'A key has at most two working secrets. A third one would end a secret that a client may still use. overlap_seconds 0 ends every old secret at once.',
  },
  system_role: {
    status: 409,
    title: 'System role',
    detail: 'System roles are the same in every tenant and cannot be changed.',
    explanation: 'Make a custom role with the scopes that you need, and give it to the members.',
  },
  invitation_closed: {
    status: 409,
    title: 'Invitation closed',
    detail: 'The invitation was already accepted, declined or revoked, or it has expired.',
    explanation:
      'An invitation works once and for 72 hours. An invitation and an offered membership also end when the member who made them leaves the tenant or can no longer grant their roles. An offer to become an operator ends in the same way. A member with users:manage, or an operator with platform:operators:manage, can make a new one.',
  },
  already_registered: {
    status: 409,
    title: 'Already registered',
    detail:
      'A user has the address of the invitation. Log in as this user, and accept with POST /v1/invitations/{token}/accept.',
    explanation:
      'The link of an invitation proves an address, so a person without a user can join with it. It does not replace the password of a user: log in as the user with this address, and accept the invitation. If the password is lost, request a link with POST /v1/auth/password-resets.',
  },
  last_owner: {
    status: 409,
    title: 'Last Owner',
    detail: 'The tenant would have no active Owner left.',
    explanation: 'Make another member an Owner first.',
  },
  last_operator: {
    status: 409,
    title: 'Last operator',
    detail: 'The platform would have no operator left who can appoint operators.',
    explanation: 'Appoint another operator first.',
  },
  limit_reached: {
    status: 409,
    title: 'Limit reached',
    detail: 'The maximum number of these objects exists already. Remove some first.',
    explanation: 'Every collection has a maximum size. The detail names the one that was reached.',
  },
} as const satisfies Record<string, ProblemRow>
