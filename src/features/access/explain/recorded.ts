import type { FastifyRequest } from 'fastify'
import type { Static } from 'typebox'
import type { ActorKind } from '../../../contract/kinds.js'
import { PROBLEMS, type ProblemCode } from '../../../contract/problems/catalogue.js'
import type { FactsReader } from '../../../kernel/authz/facts-reader.js'
import { holds } from '../../../kernel/permissions/evaluate.js'
import { Problem } from '../../../kernel/problems/problems.js'
import type { RouteCatalogue } from '../../../kernel/request/route-catalogue.js'
import { unreachable } from '../../../kernel/unreachable.js'
import type { RefusalRecorder } from '../../audit/refusals.js'
import { pendingRecord, type RefusalRecord } from '../../audit/refusals-store.js'
import { type Deciders, explanationOf } from './explanation.js'
import type { ExplainedRefusal, RecordedRefusal } from './schema.js'

export interface RecordedOptions extends Deciders {
  readonly catalogue: RouteCatalogue
  readonly facts: FactsReader
  readonly refusals: RefusalRecorder
}

const NOT_KNOWN =
  'The audit of this tenant has no refusal with this request id that you may see. It has none if the request was not refused with 401, 403 or 429; if a similar refusal came within the 10 s before it, because the audit keeps the id of the first one and counts the others; if the gateway refused the request before it knew the tenant, as with a wrong key; or if another replica refused it less than 10 s ago. The refusals of others take users:manage.'

/**
 * Explains a refusal that the audit holds, and decides again about its caller with the facts of this moment. A caller without
 * users:manage finds their own refusals only, so that an answer does not tell what others did.
 *
 * @throws Problem `not_found`, with the reasons why the audit may not have the request
 */
export async function explainRefusal(
  options: RecordedOptions,
  request: FastifyRequest,
  request_id: string,
): Promise<Static<typeof ExplainedRefusal>> {
  const { tenant, tenant_store, principal, holdings } = request
  const pending = options.refusals.pending(tenant.id, request_id)
  const written = await tenant_store.read((store) => store.refusals.of(request_id))
  const found = [...(pending === undefined ? [] : [pendingRecord(pending)]), ...written]
  const sees_all = holds(holdings, 'users:manage')
  const refusal = found.find((each) => sees_all || callerOf(each).user_id === principal.id)
  if (refusal === undefined) throw new Problem('not_found', { detail: NOT_KNOWN })
  const { now, why_not } = await decideNow(options, request, refusal)
  const recorded = toRecorded(refusal, request_id)
  const decided_now = now?.detail ?? why_not
  return { detail: `Refused with ${recorded.code}: ${recorded.detail} Now: ${decided_now}`, recorded, now }
}

/** Who was refused, as far as the gateway knew. */
interface RefusedCaller {
  readonly user_id: string | null
  readonly key_id: string | null
}

function callerOf({ actor_kind, actor_id, changes }: RefusalRecord): RefusedCaller {
  const kind = actor_kind as ActorKind
  switch (kind) {
    case 'user':
      return { user_id: actor_id, key_id: changes.key_id ?? null }
    case 'key':
      return { user_id: null, key_id: actor_id }
    case 'anonymous':
      return { user_id: changes.user_id ?? null, key_id: changes.key_id ?? null }
    case 'operator':
    case 'system':
      return { user_id: null, key_id: null }
    default:
      return unreachable(kind)
  }
}

type Decided =
  | { readonly now: Awaited<ReturnType<typeof explanationOf>>; readonly why_not?: undefined }
  | { readonly now: null; readonly why_not: string }

async function decideNow(options: RecordedOptions, request: FastifyRequest, refusal: RefusalRecord): Promise<Decided> {
  const [method, url] = refusal.changes.route.split(' ')
  const route = options.catalogue
    .list()
    .find((each) => each.url === url && each.method === (method === 'HEAD' ? 'GET' : method))
  if (route === undefined) return { now: null, why_not: 'the gateway has no such route any more.' }
  const caller = callerOf(refusal)
  if (caller.user_id === null && caller.key_id === null) {
    return { now: null, why_not: 'the gateway does not know who sent the request.' }
  }
  const facts = await options.facts.read({ tenant_id: request.tenant.id, session_id: null, ...caller })
  if (caller.user_id !== null && facts.membership === null) {
    return { now: null, why_not: 'refused with tenant_access_denied. The user is not a member of this tenant.' }
  }
  if (caller.key_id !== null && facts.key === null) {
    return { now: null, why_not: 'refused with invalid_tenant_credentials. This tenant has no such key.' }
  }
  return { now: await explanationOf(options, request, { route, address: refusal.address ?? undefined }, facts) }
}

function toRecorded(refusal: RefusalRecord, request_id: string): Static<typeof RecordedRefusal> {
  const { event_id, actor_kind, actor_id, changes } = refusal
  const { code, route, first_at, count, detail, required, missing } = changes
  const { denied_by_override, granted_by_roles, violated_policies } = changes
  // An event of an earlier release has no detail, and its code may be gone.
  const row = PROBLEMS[code as ProblemCode] as (typeof PROBLEMS)[ProblemCode] | undefined
  return {
    event_id,
    request_id,
    route,
    at: first_at,
    count,
    code,
    status: row?.status ?? 403,
    title: row?.title ?? code,
    detail: detail ?? row?.detail ?? '',
    principal: { kind: actor_kind, id: actor_id },
    key_id: callerOf(refusal).key_id,
    required: [...(required ?? [])],
    missing: [...(missing ?? [])],
    denied_by_override: [...(denied_by_override ?? [])],
    granted_by_roles: [...(granted_by_roles ?? [])],
    violated_policies: [...(violated_policies ?? [])],
  }
}
