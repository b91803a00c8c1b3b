import type { Size } from '../../../kernel/limits/limiter.js'
import type { DeclaredRoute, DeclaredSocket, HealthCheck, Upstream } from './manifest.js'
import { DEFAULTS, type WrittenUpstream } from './manifest-schema.js'

type WrittenRoute = NonNullable<WrittenUpstream['routes']>[number]
type WrittenSocket = NonNullable<WrittenUpstream['websockets']>[number]

/** A route with one of these methods takes a body only if the manifest says how long it may be. */
const BODILESS: ReadonlySet<string> = new Set(['GET', 'DELETE'])

/** Fills in the defaults of an upstream. */
export function completeUpstream(written: WrittenUpstream, ca: string | undefined): Upstream {
  const nextId = operationIds(written.name)
  const routes = (written.routes ?? []).map((route) => completeRoute(written, route, nextId(route.method, route.path)))
  const sockets = (written.websockets ?? []).map((socket) =>
    completeSocket(written, socket, nextId('WebSocket', socket.path)),
  )
  const asked = [...routes, ...sockets].flatMap(({ access }) => access.scopes)
  return {
    name: written.name,
    prefix: written.prefix,
    origins: [written.origin].flat(),
    rewrite: written.rewrite === undefined || written.rewrite === '/' ? '' : written.rewrite,
    scopes: [...new Set([...Object.keys(written.scopes ?? {}), ...asked])].sort(),
    routes,
    sockets,
    retries: written.retries ?? DEFAULTS.retries,
    connections_max: written.connections_max ?? DEFAULTS.connections_max,
    breaker: { ...DEFAULTS.breaker, ...written.breaker },
    health: completeHealth(written.health),
    ca,
    headers: { request: written.headers?.request ?? [], response: written.headers?.response ?? [] },
  }
}

function completeRoute(upstream: WrittenUpstream, route: WrittenRoute, operation_id: string): DeclaredRoute {
  return {
    ...completeDeclared(upstream, route, operation_id),
    method: route.method,
    budget: completeBudget(route.budget),
    body_bytes_max: route.body_bytes_max ?? (BODILESS.has(route.method) ? undefined : DEFAULTS.body_bytes_max),
    encoded: route.encoded ?? [],
    stream: route.stream === undefined ? undefined : { ...DEFAULTS.stream, ...route.stream },
  }
}

function completeSocket(upstream: WrittenUpstream, socket: WrittenSocket, operation_id: string): DeclaredSocket {
  return {
    ...completeDeclared(upstream, socket, operation_id),
    connections_per_tenant_max: socket.connections_per_tenant_max ?? DEFAULTS.sockets_per_tenant_max,
    message_bytes_max: socket.message_bytes_max ?? DEFAULTS.message_bytes_max,
  }
}

function completeDeclared(
  upstream: WrittenUpstream,
  { path, scopes, summary, timeout_ms }: WrittenRoute | WrittenSocket,
  operation_id: string,
) {
  return {
    upstream: upstream.name,
    url: `${upstream.prefix}${path}`,
    access: { kind: 'tenant' as const, scopes },
    operation_id,
    summary,
    timeout_ms: timeout_ms ?? upstream.timeout_ms ?? DEFAULTS.timeout_ms,
  }
}

function completeHealth(health: WrittenUpstream['health']): HealthCheck | undefined {
  return health === undefined ? undefined : { ...DEFAULTS.health, ...health }
}

function completeBudget(budget: string | undefined): Size | undefined {
  if (budget === undefined) return undefined
  const [quota = 0, window_seconds = 0] = budget.split('/').map(Number)
  return { quota, window_seconds }
}

/** Returns an operation id such as `training_get_sessions_by_id`. If another route has it, a number follows. */
function operationIds(name: string): (method: string, path: string) => string {
  const taken = new Set<string>()
  return (method, path) => {
    const parts = path
      .split('/')
      .filter((part) => part !== '')
      .map((part) => (part === '*' ? 'any' : part.replace(/^:/, 'by_').replaceAll(/[^A-Za-z0-9]/g, '_')))
    const text = [name.replaceAll('-', '_'), method.toLowerCase(), ...parts].join('_')
    let id = text
    for (let number = 2; taken.has(id); number += 1) id = `${text}_${number}`
    taken.add(id)
    return id
  }
}
