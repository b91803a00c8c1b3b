/** The scopes of the gateway itself, and what each one allows. Responses and documentation show these words. */
export const SCOPES = {
  'conversations:view': 'See customers and conversations',
  'conversations:edit': 'Open and change conversations',
  'conversations:reply': 'Write messages in conversations',
  'conversations:moderate': 'Delete messages and decide on reports',
  'handoff:perform': 'Hand a conversation to another member',
  'customers:edit': 'Create, change and delete customers',
  'agents:view': 'See assistants',
  'agents:edit': 'Create and change assistants',
  'users:manage': 'Manage members, their roles and overrides',
  'keys:manage': 'Create and revoke tenant keys',
  'settings:manage': 'Change the settings of the tenant',
  'analytics:view': 'See the usage of the tenant',
  'audit:view': 'See the audit events of the tenant',
} as const

/** `resource:action`, lower case; matched exactly. */
export type Scope = keyof typeof SCOPES

export const ALL_SCOPES = Object.keys(SCOPES) as Scope[]

/** What an operator may do on the platform. A privilege is never a scope of a tenant. */
export const PRIVILEGES = {
  'platform:tenants:view': 'See every tenant',
  'platform:tenants:manage': 'Create, suspend and activate tenants',
  'platform:users:view': 'See every user',
  'platform:users:manage': 'Create and disable users',
  'platform:analytics:view': 'See the usage of the platform',
  'platform:audit:view': 'See the audit events of the platform',
  'platform:operators:manage': 'Appoint and dismiss operators',
} as const

export type Privilege = keyof typeof PRIVILEGES

export const ALL_PRIVILEGES = Object.keys(PRIVILEGES) as Privilege[]
