import { hash } from 'node:crypto'
import canonicalize from 'canonicalize'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Seal } from '../../kernel/credentials/seal.js'
import { NIL_UUID } from '../../kernel/ids/uuid.js'
import { Problem } from '../../kernel/problems/problems.js'
import { invalidField } from '../../kernel/problems/validation.js'
import { isCreating } from '../../kernel/request/creating.js'
import { required } from '../../kernel/request/findings.js'
import {
  type IdempotencyMark,
  type IdempotencyRecord,
  type IdempotencyRecords,
  inProgress,
} from '../../kernel/store/idempotency-records.js'
import { unreachable } from '../../kernel/unreachable.js'

/** 1 to 255 visible ASCII characters, as clients send UUIDs and the like. */
const KEY = /^[\x21-\x7e]{1,255}$/
/** Longer than any request may take. A response that is missing after this time is lost. */
const ANSWER_EXPECTED_MS = 60_000
/** The headers of a response that are stored with its body. */
const KEPT_HEADERS = ['content-type', 'etag', 'location']

declare module 'fastify' {
  interface FastifyContextConfig {
    /**
     * Builds the body of a replay from the current state, for responses that must not outlive their object.
     * @throws Problem when the caller can no longer see the object
     */
    readonly replayed?: (request: FastifyRequest, body: { readonly id: string }) => Promise<object>
    /**
     * Makes the problem that a repeated request gets instead of the response, for a response that the caller must not get
     * twice. The gateway does not store such a response.
     */
    readonly refuse_replay?: () => Problem
  }
}

declare module '../../kernel/request/findings.js' {
  interface Findings {
    /** The Idempotency-Key that the change of this request will claim. */
    idempotency?: IdempotencyMark
  }
}

interface Answer {
  readonly headers: Readonly<Record<string, unknown>>
  readonly payload: string
  readonly status: number
}

/**
 * Installs `Idempotency-Key` on every POST that creates an object (draft-ietf-httpapi-idempotency-key-header): a repeated
 * request gets the same response, and the object is created once. Refusals are not stored, because they changed nothing.
 */
export function installIdempotency(app: FastifyInstance, seal: Seal): void {
  app.addHook('onRoute', (route) => {
    if (!isCreating(route)) return
    route.preHandler = [recall(seal), ...[route.preHandler ?? []].flat()]
    route.onSend = [keep(seal), ...[route.onSend ?? []].flat()]
  })
}

function recall(seal: Seal) {
  return async (request: FastifyRequest, reply: FastifyReply) => {
    const mark = markOf(request)
    if (mark === undefined) return
    const record = await recordsOf(request).find(mark)
    if (record === undefined) {
      request.findings.idempotency = mark
      return
    }
    if (!record.request_digest.equals(mark.request_digest)) throw new Problem('idempotency_mismatch')
    const { replayed, refuse_replay } = request.routeOptions.config
    if (refuse_replay !== undefined) throw refuse_replay()
    const answer = answerOf(seal, record)
    if (replayed === undefined) return replay(reply, answer)
    const body = await replayed(request, JSON.parse(answer.payload))
    return replay(reply, { ...answer, payload: JSON.stringify(body) })
  }
}

function keep(seal: Seal) {
  return async (request: FastifyRequest, reply: FastifyReply, payload: unknown) => {
    const mark = request.findings?.idempotency
    if (mark === undefined || reply.statusCode !== 201 || typeof payload !== 'string') return payload
    const { replayed, refuse_replay } = request.routeOptions.config
    if (refuse_replay !== undefined) return payload
    const headers = Object.fromEntries(KEPT_HEADERS.map((name) => [name, reply.getHeader(name)]))
    const object_id = idOf(payload)
    // A response that a replay builds again is not stored, so that its object can be erased without it.
    const kept = replayed === undefined ? payload : JSON.stringify({ id: object_id })
    const answer: Answer = { status: reply.statusCode, headers, payload: kept }
    // The change is committed, so a failure here must not replace its response. A replay then answers that it was lost.
    await recordsOf(request)
      .keep(mark, reply.statusCode, seal.seal(JSON.stringify(answer)), object_id)
      .catch((error: unknown) => request.log.warn({ err: error }, 'response not stored for replays'))
    return payload
  }
}

/** Returns the id of the created object; null for a response that names none. */
function idOf(payload: string): string | null {
  const { id } = JSON.parse(payload) as { readonly id?: unknown }
  return typeof id === 'string' ? id : null
}

function markOf(request: FastifyRequest): IdempotencyMark | undefined {
  const key = request.headers['idempotency-key']
  if (key === undefined) return undefined
  if (typeof key !== 'string' || !KEY.test(key)) {
    throw invalidField('Idempotency-Key', 'must be 1 to 255 visible ASCII characters')
  }
  const { tenant } = request.findings
  const path = (request.raw.url ?? '').split('?')[0]
  return {
    tenant_id: tenant?.id ?? NIL_UUID,
    principal: principalOf(request),
    route: `${request.method} ${request.routeOptions.url}`,
    key,
    request_digest: hash('sha256', canonicalize([path, request.body ?? null]) ?? '', 'buffer'),
  }
}

/**
 * Names the principal of a record. A key is named with the digest of its secret, so that one secret of the key never
 * receives the response to a request of the other one.
 */
function principalOf({ findings: { principal, credential } }: FastifyRequest): string {
  if (principal === undefined) return 'anonymous'
  switch (principal.kind) {
    case 'user':
    case 'operator':
      return `${principal.kind}:${principal.id}`
    case 'key':
      return `key:${principal.id}:${Buffer.from(required(credential).key_digest).toString('hex')}`
    default:
      return unreachable(principal)
  }
}

function recordsOf(request: FastifyRequest): IdempotencyRecords {
  return (request.findings.tenant_store ?? request.platform_store).idempotency
}

/** @throws Problem `idempotency_in_progress`, `idempotency_answer_lost` */
function answerOf(seal: Seal, record: IdempotencyRecord): Answer {
  const text = record.answer === null ? undefined : seal.open(record.answer)
  if (text !== undefined) return JSON.parse(text) as Answer
  if (record.status === null && record.age_ms < ANSWER_EXPECTED_MS) throw inProgress()
  throw new Problem('idempotency_answer_lost')
}

function replay(reply: FastifyReply, { status, headers, payload }: Answer): FastifyReply {
  const kept = Object.fromEntries(Object.entries(headers).filter(([, value]) => value !== undefined))
  return reply
    .code(status)
    .headers({ ...kept, 'idempotency-replayed': 'true' })
    .serializer(String)
    .send(payload)
}
