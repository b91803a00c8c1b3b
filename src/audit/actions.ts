/** The catalogue of actions: what an audit event may say that happened. Adding one here is part of adding a write. */
export const ACTIONS = {
  'customer.created': 'A customer was created',
  'customer.updated': 'A customer was changed',
  'customer.deleted': 'A customer was deleted',
  'tenant_key.created': 'A tenant key was created',
  'tenant_key.revoked': 'A tenant key was revoked',
  'member.added': 'A user became a member of the tenant',
  'member.updated': 'The roles or the state of a member were changed',
  'tenant.created': 'A tenant was created',
  'tenant.suspended': 'A tenant was suspended',
  'tenant.activated': 'A tenant was activated',
  'user.registered': 'A user registered',
  'user.created': 'An operator created a user',
  'user.updated': 'A user changed the own profile',
  'user.disabled': 'A user was disabled and signed out everywhere',
  'session.started': 'A user logged in',
  'session.refreshed': 'A refresh token was exchanged for the next one',
  'session.ended': 'A session ended',
  'sessions.swept': 'Sessions that were over long ago were deleted',
  'operator.created': 'A user became an operator',
} as const

export type Action = keyof typeof ACTIONS
