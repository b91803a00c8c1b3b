/** The catalogue of scopes: what each one allows, in words that also stand in answers and in the documentation. */
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

/**
 * What upstreams add to the catalogue, by whoever declared it. It is one for the process, like the catalogue itself, and
 * changes while the process runs; so it is always asked, and never copied.
 */
const declared = new Map<object, ReadonlyMap<string, string>>()
let meanings: ReadonlyMap<string, string> = new Map(Object.entries(SCOPES))
let names: readonly string[] = ALL_SCOPES

/**
 * Adds scopes and their meanings to the catalogue, in place of those that the same owner declared before; undefined
 * takes them out. A scope that is gone stays where somebody wrote it down, in roles and keys, and gives nothing.
 */
export function declareScopes(owner: object, scopes: ReadonlyMap<string, string> | undefined): void {
  if (scopes === undefined) declared.delete(owner)
  else declared.set(owner, scopes)
  meanings = new Map([...[...declared.values()].flatMap((each) => [...each]), ...Object.entries(SCOPES)])
  names = [...ALL_SCOPES, ...[...meanings.keys()].filter((scope) => !Object.hasOwn(SCOPES, scope)).sort()]
}

/** Every scope of this moment: the gateway's own, and those of upstreams. */
export function allScopes(): readonly string[] {
  return names
}

/** What a scope allows, in words; undefined for one that nobody knows. */
export function meaningOf(scope: string): string | undefined {
  return meanings.get(scope)
}

/** Whether a text is a scope of the catalogue at this moment. */
export function isScope(text: string): boolean {
  return meanings.has(text)
}

/** What an operator of the platform may do; the scopes of the other world, never mixed with those of tenants. */
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
