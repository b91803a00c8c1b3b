import type { FastifyReply, FastifyRequest } from 'fastify'
import { checkNewPassword } from '../../../kernel/credentials/passwords.js'
import type { VerifiedLogin } from '../../../kernel/identity/verified-login.js'
import { addressBucket } from '../../../kernel/limits/address.js'
import { countRefused } from '../../../kernel/limits/refused.js'
import type { ScopesNow } from '../../../kernel/permissions/scope-catalogue.js'
import { Problem } from '../../../kernel/problems/problems.js'
import { invalidField } from '../../../kernel/problems/validation.js'
import { identifyByPassword, type LoginParts, limitLogins } from '../../auth/login.js'
import type { SignedIn } from '../../auth/logins-store.js'
import type { OpenedInvitation } from './reader.js'
import type { JoinedTenant } from './store.js'

export interface JoinParts extends LoginParts {
  readonly scopesNow: ScopesNow
}

/** What a person without a user chooses. */
export interface JoinInput {
  readonly name: string
  readonly password: string
}

/** The tenant, and the user that a session can start for. */
export interface Joined {
  readonly tenant: JoinedTenant
  readonly login: SignedIn & VerifiedLogin
}

/**
 * Reads the invitation of a link. A token that no invitation has can be a guess, so it is counted against the address.
 * @throws Problem `not_found`, `invitation_closed`, `rate_limited`
 */
export async function openInvitation(
  { limiter, scopesNow }: JoinParts,
  request: FastifyRequest,
  reply: FastifyReply,
  token: string,
): Promise<OpenedInvitation> {
  try {
    return await request.platform_store.read((store) => store.received_invitations.open(token, scopesNow()))
  } catch (error) {
    if (!(error instanceof Problem) || error.code !== 'not_found') throw error
    throw await countRefused(limiter, reply, addressBucket(request.ip), error)
  }
}

/**
 * Creates the user of the invited address and accepts the invitation. The link is the proof of the address. If a user has
 * the address, nothing changes, because a leaked link must not replace a password.
 *
 * @throws Problem `not_found`, `invitation_closed`, `already_registered`, `validation_failed`, `rate_limited`,
 * `service_unavailable`
 */
export async function joinWithLink(
  parts: JoinParts,
  request: FastifyRequest,
  reply: FastifyReply,
  token: string,
  { name, password }: JoinInput,
): Promise<Joined> {
  const { limiter, passwords, scopesNow } = parts
  await limitLogins(limiter, request, reply)
  passwords.checkRoom()
  // Reads the link first: an invalid link must not cost a password hash, and a weak password must not use up the link.
  const { email, is_registered } = await openInvitation(parts, request, reply, token)
  if (is_registered) throw new Problem('already_registered')
  checkNewPassword(password, [email, name])
  const password_hash = await passwords.hash(password)
  const { user_id: id, ...tenant } = await request.platform_store.write('invitation.joined', (store) =>
    store.received_invitations.join(token, { name, password_hash }, scopesNow()),
  )
  return { tenant, login: { id, email, name, is_operator: false, password_hash, session_revocations: 0 } }
}

/**
 * Accepts the invitation for the existing user of its address, who enters the password. The link proves the mailbox, and
 * the password proves the user. Both have the budgets of a login.
 *
 * @throws Problem `not_found`, `invitation_closed`, `invalid_credentials`, `validation_failed` without such a user,
 * `rate_limited`, `service_unavailable`
 */
export async function acceptWithPassword(
  parts: JoinParts,
  request: FastifyRequest,
  reply: FastifyReply,
  token: string,
  password: string,
): Promise<JoinedTenant> {
  const { email, is_registered } = await openInvitation(parts, request, reply, token)
  if (!is_registered) throw invalidField('/name', 'is required')
  const login = await identifyByPassword(parts, request, reply, { email, password })
  return request.platform_store.write('invitation.accepted', (store) =>
    store.received_invitations.accept(token, { kind: 'password', login }, parts.scopesNow()),
  )
}
