import cors, { type FastifyCorsOptions, type FastifyCorsOptionsDelegateCallback } from '@fastify/cors'
import type { FastifyInstance, FastifyRequest, onRequestHookHandler } from 'fastify'
import { READ_HEADERS, SENT_HEADERS } from '../../contract/headers.js'
import type { RunningUpstream } from '../../features/upstreams/pool/running-upstream.js'
import { BoundedMap } from '../../kernel/bounded-map.js'
import { open } from '../../kernel/request/access.js'
import type { Clock } from '../../kernel/time/clock.js'
import type { Pipeline } from '../pipeline/install.js'

const PREFLIGHT_SECONDS = 600
/** How long the gateway caches whether an origin is listed. It bounds look-ups, because a client can send any origin. */
export const ORIGIN_REMEMBERED_MS = 5_000
const ORIGINS_REMEMBERED_MAX = 1_000

/**
 * Installs CORS. A preflight carries no credentials and names no tenant, so the gateway allows every origin that
 * `CORS_ORIGINS` or any tenant lists. That only permits the browser to send the request and to read the response. At each
 * request, the pipeline checks the origin against the list of its tenant. There is no credentials mode, no wildcard, and no
 * reflection of unlisted origins.
 */
export async function installCors(
  app: FastifyInstance,
  pipeline: Pipeline,
  configured: readonly string[],
  isListed: (origin: string) => Promise<boolean>,
  upstreamAt: (path: string) => RunningUpstream | undefined,
  clock: Clock,
): Promise<void> {
  const remembered = rememberingOrigins(isListed, clock)
  const headersOf = corsHeaders()
  const origin: FastifyCorsOptions['origin'] = (origin, answer) => {
    if (origin === undefined) return answer(null, false)
    if (configured.includes(origin)) return answer(null, origin)
    remembered(origin).then((is_listed) => answer(null, is_listed ? origin : false), answer as (error: Error) => void)
  }
  const delegator: FastifyCorsOptionsDelegateCallback = (request, answerOptions) => {
    const { allowed, exposed } = headersOf(upstreamAt(request.originalUrl.split('?', 1)[0] as string))
    answerOptions(null, {
      origin,
      credentials: false,
      methods: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'],
      allowedHeaders: allowed,
      exposedHeaders: exposed,
      maxAge: PREFLIGHT_SECONDS,
      strictPreflight: false,
    })
  }
  await pipeline.admit(open().access, async () => cors(forPages(app), { delegator }, throwError))
}

/** The plugin calls it at once. */
function throwError(error?: Error): void {
  if (error !== undefined) throw error
}

/** A request that no page of another origin sends: browsers name the origin of a page, and ask first with OPTIONS. */
function isFromPage({ method, headers }: FastifyRequest): boolean {
  return headers.origin !== undefined || method === 'OPTIONS'
}

/**
 * The gateway as the plugin sees it: its hook runs only for requests of pages. For any other request the hook would compute all
 * options and then say only that the response varies with the origin, which took 2 % of the CPU time of a forwarded request.
 */
function forPages(app: FastifyInstance): FastifyInstance {
  const addHook = (name: string, hook: onRequestHookHandler) => {
    if (name !== 'onRequest') throw new Error(`the CORS plugin adds a hook for ${name}`)
    app.addHook('onRequest', function (request, reply, next) {
      if (isFromPage(request)) return hook.call(this, request, reply, next)
      reply.header('vary', 'Origin')
      next()
    })
  }
  return Object.create(app, { addHook: { value: addHook } }) as FastifyInstance
}

interface CorsHeaders {
  readonly allowed: string[]
  readonly exposed: string[]
}

/**
 * Returns the headers that a page may send to a path and read from it: those that the gateway reads and sends, and for the
 * path of an upstream those that pass to it and from it.
 */
function corsHeaders(): (upstream: RunningUpstream | undefined) => CorsHeaders {
  const own: CorsHeaders = { allowed: [...READ_HEADERS], exposed: [...SENT_HEADERS] }
  const of_upstreams = new WeakMap<RunningUpstream, CorsHeaders>()
  return (upstream) => {
    if (upstream === undefined) return own
    let headers = of_upstreams.get(upstream)
    if (headers === undefined) {
      headers = {
        allowed: joined(own.allowed, upstream.request_headers),
        exposed: joined(own.exposed, upstream.response_headers),
      }
      of_upstreams.set(upstream, headers)
    }
    return headers
  }
}

function joined(own: readonly string[], more: Iterable<string>): string[] {
  const names = new Set(own.map((name) => name.toLowerCase()))
  return [...own, ...[...more].filter((name) => !names.has(name))]
}

/** Caches for a short time whether an origin is listed. After a failed look-up the origin is not listed, and that is not cached. */
function rememberingOrigins(isListed: (origin: string) => Promise<boolean>, clock: Clock) {
  const answers = new BoundedMap<string, { is_listed: boolean; until_ms: number }>(ORIGINS_REMEMBERED_MAX)
  return async (origin: string): Promise<boolean> => {
    const known = answers.get(origin)
    if (known !== undefined && known.until_ms > clock()) return known.is_listed
    const is_listed = await isListed(origin).catch(() => undefined)
    if (is_listed === undefined) return false
    answers.set(origin, { is_listed, until_ms: clock() + ORIGIN_REMEMBERED_MS })
    return is_listed
  }
}
