import type { FastifyRequest } from 'fastify'
import type { Static } from 'typebox'
import { checkPrivilegeAlso, checkScopeAlso } from '../../kernel/authz/check-also.js'
import { normaliseEmail } from '../../kernel/credentials/email.js'
import type { ScopesNow } from '../../kernel/permissions/scope-catalogue.js'
import { invalidField } from '../../kernel/problems/validation.js'
import type { AuditQuery } from './schema.js'

export interface ActorOptions {
  readonly scopesNow: ScopesNow
}

type Asked = Pick<Static<typeof AuditQuery>, 'actor_id' | 'actor_email'>

/**
 * Returns the id of the actor that a query names, in the audit of a tenant. An email that no member has is refused and not
 * answered with an empty list: the events of a former member exist.
 *
 * A reader of the audit need not see the emails of members. Without users:manage, an answer would tell them who is one.
 *
 * @throws Problem `validation_failed`, `insufficient_scope`
 */
export async function actorInTenant(
  request: FastifyRequest,
  asked: Asked,
  scopesNow: ScopesNow,
): Promise<string | undefined> {
  const email = emailOf(asked)
  if (email === undefined) return asked.actor_id
  const { tenant_store, principal, holdings } = request
  const id = await tenant_store.read((store) => store.members.idOf(email))
  if (id !== principal.id) {
    const roles = () => tenant_store.read((store) => store.roles.all())
    await checkScopeAlso('users:manage', holdings, scopesNow(), roles)
  }
  if (id !== undefined) return id
  throw invalidField('/actor_email', 'is not the email of a member of this tenant; find a former member by actor_id')
}

/**
 * Returns the id of the actor that a query names, in the audit of the platform.
 * @throws Problem `validation_failed`, `platform_access_denied`
 */
export async function actorOnPlatform(
  request: FastifyRequest,
  asked: Asked,
  scopesNow: ScopesNow,
): Promise<string | undefined> {
  const email = emailOf(asked)
  if (email === undefined) return asked.actor_id
  const id = await request.platform_store.read((store) => store.users.idOf(email))
  if (id !== request.principal.id) checkPrivilegeAlso('platform:users:view', request.holdings, scopesNow())
  if (id !== undefined) return id
  throw invalidField('/actor_email', 'is not the email of a user')
}

function emailOf({ actor_id, actor_email }: Asked): string | undefined {
  if (actor_email === undefined) return undefined
  if (actor_id !== undefined) throw invalidField('/actor_email', 'must not be sent with actor_id')
  return normaliseEmail(actor_email)
}
