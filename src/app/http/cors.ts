import cors from '@fastify/cors'
import type { FastifyInstance } from 'fastify'
import { open } from '../../kernel/request/access.js'
import type { Clock } from '../../kernel/time/clock.js'
import type { Pipeline } from '../pipeline/install.js'

const PREFLIGHT_SECONDS = 600
/** How long an answer about an origin is used again: a bound on look-ups, since anybody can send any origin. */
export const ORIGIN_REMEMBERED_MS = 5_000
const ORIGINS_REMEMBERED_MAX = 1_000

const EXPOSED = ['Retry-After', 'RateLimit', 'RateLimit-Policy', 'X-Request-ID', 'Link', 'ETag', 'WWW-Authenticate']
const ALLOWED = [
  'Authorization',
  'Content-Type',
  'X-TENANT-ID',
  'X-TENANT-API-KEY',
  'X-Request-ID',
  'If-Match',
  'Idempotency-Key',
]

/**
 * CORS. A preflight carries no credentials, so it cannot say whose origins to ask: it is answered for every origin
 * that `CORS_ORIGINS` or some tenant lists. That only lets the browser send and read; whether the request may act for
 * the tenant that it names is decided by the pipeline, at each request. No credentials mode, no wildcard, no reflection
 * of what is not listed.
 */
export async function installCors(
  app: FastifyInstance,
  pipeline: Pipeline,
  configured: readonly string[],
  isListed: (origin: string) => Promise<boolean>,
  clock: Clock,
): Promise<void> {
  const remembered = rememberingOrigins(isListed, clock)
  await pipeline.admit(open().access, () =>
    app.register(cors, {
      origin: (origin, answer) => {
        if (origin === undefined) return answer(null, false)
        if (configured.includes(origin)) return answer(null, origin)
        remembered(origin).then(
          (is_listed) => answer(null, is_listed ? origin : false),
          answer as (error: Error) => void,
        )
      },
      credentials: false,
      methods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'],
      allowedHeaders: ALLOWED,
      exposedHeaders: EXPOSED,
      maxAge: PREFLIGHT_SECONDS,
      strictPreflight: false,
    }),
  )
}

/** Remembers what was answered about an origin for a short time. A failure counts as not listed, and is not kept. */
function rememberingOrigins(isListed: (origin: string) => Promise<boolean>, clock: Clock) {
  const answers = new Map<string, { is_listed: boolean; until_ms: number }>()
  return async (origin: string): Promise<boolean> => {
    const known = answers.get(origin)
    if (known !== undefined && known.until_ms > clock()) return known.is_listed
    const is_listed = await isListed(origin).catch(() => undefined)
    if (is_listed === undefined) return false
    answers.delete(origin)
    if (answers.size >= ORIGINS_REMEMBERED_MAX) answers.delete(answers.keys().next().value as string)
    answers.set(origin, { is_listed, until_ms: clock() + ORIGIN_REMEMBERED_MS })
    return is_listed
  }
}
