import { and, eq, sql } from 'drizzle-orm'
import { ALL_PRIVILEGES, type Privilege, type Scope } from '../../contract/scopes.js'
import { tenant_keys } from '../identity/keys-table.js'
import { queueOperatorChanges } from '../identity/last-operator.js'
import { lockTenant } from '../identity/lock-tenant.js'
import { operators } from '../identity/operators-table.js'
import type { Actor } from '../permissions/escalation.js'
import { evaluate, type Holdings, type HoldingsOf } from '../permissions/evaluate.js'
import { BUILT_IN_SCOPES } from '../permissions/scope-catalogue.js'
import { Problem } from '../problems/problems.js'
import type { ReadScope, WriteScope } from '../store/unit-of-work.js'
import { unreachable } from '../unreachable.js'
import { findHoldings } from './holdings.js'
import { insufficientPrivilege, insufficientScope } from './insufficient-scope.js'
import { matchingSecret } from './rules.js'

/** What the gateway itself may grant, for a command or the demo: what an Owner may. */
const GATEWAY: HoldingsOf<'user'> = {
  kind: 'user',
  id: 'system',
  roles: [{ name: 'Owner', system_role: 'owner', scopes: [] }],
  overrides: [],
}

/**
 * Locks the tenant until the end of the transaction, and returns the actor with what it holds now.
 *
 * Each change of rights begins with it. A request can wait for the lock for seconds, and the facts that allowed it may be
 * false by then: the actor may be demoted, removed or disabled, and its session or its secret may have ended. All changes of
 * rights wait for the same lock, so the check and the change are one.
 *
 * @param required the scopes that the route requires
 * @throws Problem `invalid_token`, `invalid_tenant_credentials`, `tenant_access_denied`, `insufficient_scope`
 */
export async function lockActor(scope: WriteScope, tenant_id: string, required: readonly Scope[]): Promise<Actor> {
  await lockTenant(scope, tenant_id)
  const holdings = await holdingsNow(scope, tenant_id)
  const decision = evaluate(required, holdings, BUILT_IN_SCOPES)
  if (!decision.allowed) throw insufficientScope(decision, [])
  return holdings as Actor
}

/**
 * Makes changes of operators wait for each other until the end of the transaction, and returns the acting operator with the
 * privileges of this moment. Each change of privileges begins with it.
 *
 * @param required the privileges that the route requires
 * @throws Problem `invalid_token`, `platform_access_denied`
 */
export async function lockOperators(scope: WriteScope, required: readonly Privilege[]): Promise<Actor> {
  await queueOperatorChanges(scope)
  return lockOperator(scope, required)
}

/**
 * Locks the session of the acting operator and their privileges until the end of the transaction, and checks them again. A
 * change of privileges waits, or comes first. Each change by an operator that is no change of operators begins with it.
 *
 * @param required the privileges that the route requires
 * @throws Problem `invalid_token`, `platform_access_denied`
 */
export async function lockOperator(scope: WriteScope, required: readonly Privilege[]): Promise<Actor> {
  const holdings = await privilegesNow(scope)
  const decision = evaluate(required, holdings, BUILT_IN_SCOPES)
  if (!decision.allowed) throw insufficientPrivilege(decision)
  return holdings as Actor
}

/**
 * Locks the session of the acting user until the end of the transaction, for a change that only this user can make: a
 * consent. The gateway itself may act for a user whom it creates with the demo.
 *
 * @throws Problem `invalid_token` if the session has ended
 * @throws Error if the actor is another user
 */
export async function lockSelf(scope: WriteScope, user_id: string): Promise<void> {
  const { kind, id } = scope.actor
  switch (kind) {
    case 'user':
    case 'operator':
      if (id !== user_id) throw new Error('a user consents only for themselves')
      return lockSession(scope, user_id)
    case 'system':
      return
    case 'key':
    case 'anonymous':
      throw new Error(`a caller of the kind ${kind} consents to nothing`)
    default:
      return unreachable(kind)
  }
}

/**
 * Returns a member as an actor, for a change that the member decided about earlier, such as an invitation. The caller has
 * locked the tenant. Null as the id is the gateway itself. Undefined if the member cannot act now.
 */
export async function findActor(
  scope: ReadScope,
  tenant_id: string,
  user_id: string | null,
  required: readonly Scope[],
): Promise<Actor | undefined> {
  if (user_id === null) return GATEWAY as Actor
  const member = await findHoldings(scope, tenant_id, user_id)
  if (member === undefined || !member.is_active) return undefined
  return evaluate(required, member.holdings, BUILT_IN_SCOPES).allowed ? (member.holdings as Actor) : undefined
}

/** Returns the caller of a preview as an actor. A preview changes nothing, so the holdings of the request are enough. */
export function previewActor(holdings: Holdings): Actor {
  return holdings as Actor
}

function holdingsNow(scope: WriteScope, tenant_id: string): Holdings | Promise<Holdings> {
  const { kind, id } = scope.actor
  switch (kind) {
    case 'user':
      return holdingsOfUser(scope, tenant_id, String(id))
    case 'key':
      return holdingsOfKey(scope, tenant_id, String(id))
    case 'system':
      return GATEWAY
    case 'operator':
    case 'anonymous':
      throw new Error(`a caller of the kind ${kind} grants nothing in a tenant`)
    default:
      return unreachable(kind)
  }
}

function privilegesNow(scope: WriteScope): Holdings | Promise<Holdings> {
  const { kind, id } = scope.actor
  switch (kind) {
    case 'operator':
      return holdingsOfOperator(scope, String(id))
    case 'system':
      return { kind: 'operator', id: 'system', privileges: ALL_PRIVILEGES }
    case 'user':
    case 'key':
    case 'anonymous':
      throw new Error(`a caller of the kind ${kind} grants no privilege`)
    default:
      return unreachable(kind)
  }
}

async function holdingsOfOperator(scope: WriteScope, user_id: string): Promise<Holdings> {
  await lockSession(scope, user_id)
  const [operator] = await scope.queries
    .select({ privileges: operators.privileges })
    .from(operators)
    .where(eq(operators.user_id, user_id))
    .for('share')
  if (operator === undefined || operator.privileges === null) throw new Problem('platform_access_denied')
  return { kind: 'operator', id: user_id, privileges: operator.privileges }
}

/** Locks the session of the actor until the end of the transaction. @throws Problem `invalid_token` if it has ended */
async function lockSession(scope: WriteScope, user_id: string): Promise<void> {
  const { session_id } = scope.proof
  const [session] = (await scope.queries.execute(
    sql`select lock_session(${session_id}::uuid, ${user_id}::uuid, ${scope.now}::timestamptz) as is_active`,
  )) as unknown as { is_active: boolean }[]
  if (session?.is_active !== true) throw new Problem('invalid_token')
}

async function holdingsOfUser(scope: WriteScope, tenant_id: string, user_id: string): Promise<Holdings> {
  await lockSession(scope, user_id)
  const member = await findHoldings(scope, tenant_id, user_id)
  if (member === undefined || !member.is_active) throw new Problem('tenant_access_denied')
  return member.holdings
}

async function holdingsOfKey(scope: WriteScope, tenant_id: string, id: string): Promise<Holdings> {
  const { key_digest } = scope.proof
  const [key] = await scope.queries
    .select()
    .from(tenant_keys)
    .where(and(eq(tenant_keys.tenant_id, tenant_id), eq(tenant_keys.id, id)))
    .for('update')
  const is_valid =
    key !== undefined && key_digest !== null && matchingSecret(key, key_digest, Date.parse(scope.now)) !== undefined
  if (!is_valid) throw new Problem('invalid_tenant_credentials')
  return { kind: 'key', id, scopes: key.scopes }
}
