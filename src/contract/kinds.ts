/** The kinds of principal within a tenant: a member who is signed in, or a tenant key on its own. */
export const TENANT_PRINCIPAL_KINDS = ['user', 'key'] as const

/** Every kind of principal. An operator acts on the platform, never within a tenant. */
export const PRINCIPAL_KINDS = [...TENANT_PRINCIPAL_KINDS, 'operator'] as const

/** Every kind of actor in the audit: a principal, a caller who is not identified, or the gateway itself. */
export const ACTOR_KINDS = [...PRINCIPAL_KINDS, 'anonymous', 'system'] as const

/** Every kind of author of a message: a principal of the tenant, or a customer whose words a key passes on. */
export const AUTHOR_KINDS = [...TENANT_PRINCIPAL_KINDS, 'customer'] as const

export type TenantPrincipalKind = (typeof TENANT_PRINCIPAL_KINDS)[number]
export type PrincipalKind = (typeof PRINCIPAL_KINDS)[number]
export type ActorKind = (typeof ACTOR_KINDS)[number]
export type AuthorKind = (typeof AUTHOR_KINDS)[number]
