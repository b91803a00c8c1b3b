/**
 * Whose rights an action may change. After the commit, the open connections of these callers are checked again.
 *
 * - `none`: no caller loses a right. The action adds something, or it changes data that decides about no rights.
 * - `user`, `session`: one user, in every tenant.
 * - `membership`: one user in one tenant.
 * - `conversation`, `conversation_member`: every caller in one conversation, or one user in it.
 * - `key`, `tenant`: every caller of one tenant.
 * - `everybody`: every caller of every tenant.
 */
export type Rights =
  | 'none'
  | 'user'
  | 'session'
  | 'membership'
  | 'conversation'
  | 'conversation_member'
  | 'key'
  | 'tenant'
  | 'everybody'

interface ActionEntry {
  /** What happened, as a sentence in the past tense. */
  readonly meaning: string
  readonly rights: Rights
}

/** The catalogue of actions: every event of the audit has one of them. Each write adds its own action here. */
export const ACTIONS = {
  'customer.created': { meaning: 'A customer was created', rights: 'none' },
  'customer.updated': { meaning: 'A customer was changed', rights: 'none' },
  'customer.deleted': { meaning: 'A customer was deleted, with the text of their conversations', rights: 'none' },
  'customer.text_erased': {
    meaning: 'A part of the text of a customer was erased, because the customer is being deleted',
    rights: 'none',
  },
  'customer.exported': { meaning: 'Everything about a customer was exported', rights: 'none' },
  'conversation.created': { meaning: 'A conversation was opened', rights: 'none' },
  'conversation.updated': { meaning: 'A conversation was changed', rights: 'conversation' },
  'conversation.deleted': {
    meaning: 'A conversation was deleted, with its messages and their reports',
    rights: 'conversation',
  },
  'conversation.handed_off': {
    meaning: 'A conversation was assigned to a member, or its assignment was removed',
    rights: 'none',
  },
  'conversation.read': { meaning: 'A user moved their read marker in a conversation', rights: 'none' },
  'conversation_member.added': { meaning: 'A user became a member of a conversation', rights: 'conversation_member' },
  'conversation_member.updated': {
    meaning: 'The role of a member of a conversation was changed',
    rights: 'conversation_member',
  },
  'conversation_member.removed': { meaning: 'A member was removed from a conversation', rights: 'conversation_member' },
  'message.created': { meaning: 'A message was sent; the audit does not hold its content', rights: 'none' },
  'message.updated': { meaning: 'A message was edited', rights: 'none' },
  'message.deleted': { meaning: 'A message was deleted', rights: 'none' },
  'message_report.created': { meaning: 'A message was reported to the moderators', rights: 'none' },
  'message_report.reviewed': { meaning: 'A report of a message was accepted', rights: 'none' },
  'message_report.dismissed': { meaning: 'A report of a message was dismissed', rights: 'none' },
  'stream_ticket.created': { meaning: 'A ticket for the stream of a conversation was created', rights: 'none' },
  'tenant_key.created': { meaning: 'A tenant key was created', rights: 'none' },
  'tenant_key.revoked': { meaning: 'A tenant key was revoked', rights: 'key' },
  'tenant_key.updated': { meaning: 'A tenant key was changed, disabled or enabled', rights: 'key' },
  'tenant_key.rotated': { meaning: 'A tenant key was rotated', rights: 'key' },
  'member.removed': { meaning: 'A member was removed from the tenant', rights: 'membership' },
  'member.left': { meaning: 'A member left the tenant', rights: 'membership' },
  'override.set': { meaning: 'A scope was granted or denied to a member', rights: 'membership' },
  'override.removed': { meaning: 'An override was removed', rights: 'membership' },
  'role.created': { meaning: 'A custom role was created', rights: 'none' },
  'role.updated': { meaning: 'A custom role was changed', rights: 'tenant' },
  'role.deleted': { meaning: 'A custom role was deleted', rights: 'tenant' },
  'invitation.created': { meaning: 'A user was invited by mail', rights: 'none' },
  'invitation.resent': { meaning: 'An invitation was sent again, with a new link', rights: 'none' },
  'invitation.revoked': { meaning: 'An invitation was revoked', rights: 'none' },
  'invitation.accepted': { meaning: 'An invitation was accepted', rights: 'membership' },
  'invitation.joined': {
    meaning: 'A person joined with the link of an invitation: a user was created and became a member',
    rights: 'membership',
  },
  'invitation.declined': { meaning: 'An invitation was declined', rights: 'none' },
  'member.added': { meaning: 'A membership was offered to a user, who must accept it', rights: 'none' },
  'member.accepted': { meaning: 'A user accepted a membership of the tenant', rights: 'membership' },
  'member.declined': { meaning: 'A user declined a membership of the tenant', rights: 'none' },
  'member.updated': { meaning: 'The roles or the state of a member were changed', rights: 'membership' },
  'tenant.created': { meaning: 'A tenant was created', rights: 'none' },
  'tenant.updated': { meaning: 'The settings of a tenant were changed', rights: 'tenant' },
  'retention.applied': { meaning: 'What the retention of a tenant does not keep was deleted', rights: 'none' },
  'tenant.plan_changed': { meaning: 'An operator changed the plan of a tenant', rights: 'tenant' },
  'tenant.deleted': { meaning: 'A tenant was deleted', rights: 'tenant' },
  'tenant.locked_down': {
    meaning: 'All keys and invitations of a tenant and all sessions of its members were revoked',
    rights: 'everybody',
  },
  'tenant.suspended': { meaning: 'A tenant was suspended', rights: 'tenant' },
  'tenant.activated': { meaning: 'A tenant was activated', rights: 'tenant' },
  'user.registered': { meaning: 'A user registered', rights: 'none' },
  'user.created': { meaning: 'An operator created a user', rights: 'none' },
  'user.updated': { meaning: 'A user changed their profile', rights: 'user' },
  'user.email_verified': { meaning: 'A user verified their email address', rights: 'user' },
  'user.email_verification_sent': { meaning: 'A link to verify the email address was sent', rights: 'none' },
  'user.password_changed': { meaning: 'A user changed their password; other sessions ended', rights: 'user' },
  'user.password_reset_sent': { meaning: 'A link to set a new password was sent', rights: 'none' },
  'user.password_reset': { meaning: 'A user set a new password with a link; every session ended', rights: 'user' },
  'user.enabled': { meaning: 'A disabled user was enabled', rights: 'user' },
  'user.unlocked': { meaning: 'An operator unlocked a user after failed logins', rights: 'user' },
  'user.disabled': { meaning: 'A user was disabled; every session ended', rights: 'user' },
  'session.started': { meaning: 'A user logged in', rights: 'none' },
  'login.failed': { meaning: 'A login was refused', rights: 'none' },
  'request.refused': { meaning: 'A request was refused by the pipeline', rights: 'none' },
  'budget.exceeded': { meaning: 'A budget was used up', rights: 'none' },
  'session.refreshed': { meaning: 'A refresh token was exchanged for the next one', rights: 'none' },
  'session.ended': { meaning: 'A session ended', rights: 'session' },
  'sessions.swept': { meaning: 'Sessions that had ended long ago were deleted', rights: 'none' },
  'operator.updated': { meaning: 'The privileges of an operator were changed', rights: 'user' },
  'operator.removed': {
    meaning: 'A user is no longer an operator, or an offer to become one was withdrawn',
    rights: 'user',
  },
  'operator.offered': { meaning: 'A user was offered to become an operator, and must accept it', rights: 'none' },
  'operator.accepted': { meaning: 'A user accepted to be an operator', rights: 'user' },
  'operator.declined': { meaning: 'A user declined to be an operator', rights: 'none' },
} as const satisfies Record<string, ActionEntry>

export type Action = keyof typeof ACTIONS
