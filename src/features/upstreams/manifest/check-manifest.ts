import { X509Certificate } from 'node:crypto'
import { SCOPES } from '../../../contract/scopes.js'
import { completeUpstream } from './complete-manifest.js'
import { isForbiddenInRequests, isForbiddenInResponses } from './header-names.js'
import type { Manifest, Upstream } from './manifest.js'
import type { WrittenManifest, WrittenUpstream } from './manifest-schema.js'
import type { JsonPath } from './mistake.js'
import { namesOf, relationOf } from './template.js'

/**
 * First segments of paths that the gateway uses, now or in a later release. A test checks the routes of the gateway against
 * this list.
 */
export const RESERVED: ReadonlySet<string> = new Set([
  'v1',
  'console',
  'docs',
  'livez',
  'readyz',
  'metrics',
  'openapi.json',
  'openapi.yaml',
  'problems',
  '.well-known',
  'invitations',
  'password-resets',
  'verify',
])
/** The audience of access tokens, and a name that a reader could take for the gateway. */
const RESERVED_NAMES: ReadonlySet<string> = new Set(['gatehouse', 'gateway'])

export interface LocatedMistake {
  readonly path: JsonPath
  readonly reason: string
}

type Complain = (path: JsonPath, reason: string) => void

/** Checks the rules that a schema cannot express, and fills in the defaults. Without mistakes, the manifest can be used. */
export function checkManifest(
  written: WrittenManifest,
  readCertificates: (path: string) => string,
): { manifest: Manifest; mistakes: LocatedMistake[] } {
  const mistakes: LocatedMistake[] = []
  const complain: Complain = (path, reason) => mistakes.push({ path, reason })
  const scopes = checkScopes(written, complain)
  checkNames(written, complain)
  for (const [position, upstream] of written.upstreams.entries()) {
    const here: JsonPath = ['upstreams', position]
    checkOrigins(upstream, here, complain)
    checkTemplates(upstream, here, complain)
    checkHeaders(upstream, here, complain)
    for (const [number, { path, encoded }] of (upstream.routes ?? []).entries()) {
      if (encoded === undefined || path.endsWith('*')) continue
      complain([...here, 'routes', number, 'encoded'], `${path} has no *, and encoded is for what * stands for`)
    }
    for (const kind of ['routes', 'websockets'] as const) {
      for (const [number, route] of (upstream[kind] ?? []).entries()) {
        for (const [index, scope] of route.scopes.entries()) {
          if (Object.hasOwn(SCOPES, scope) || scopes.has(scope)) continue
          complain([...here, kind, number, 'scopes', index], `no upstream declares the scope ${scope}`)
        }
      }
    }
  }
  const upstreams: Upstream[] = written.upstreams.map((upstream, position) =>
    completeUpstream(upstream, certificatesOf(upstream, ['upstreams', position], readCertificates, complain)),
  )
  for (const scope of Object.keys(SCOPES)) scopes.delete(scope)
  return { manifest: { upstreams, scopes }, mistakes }
}

/** Collects the scopes that upstreams declare. A scope has one meaning in all upstreams. */
function checkScopes({ upstreams }: WrittenManifest, complain: Complain): Map<string, string> {
  const meanings = new Map<string, string>(Object.entries(SCOPES))
  const declared = new Map<string, string>()
  for (const [position, upstream] of upstreams.entries()) {
    for (const [scope, meaning] of Object.entries(upstream.scopes ?? {})) {
      const at = ['upstreams', position, 'scopes', scope]
      const known = meanings.get(scope)
      if (known !== undefined && known !== meaning) {
        complain(at, `the scope ${scope} exists already and means "${known}"`)
      }
      if (scope.startsWith('platform:')) complain(at, 'scopes of the platform are for operators')
      meanings.set(scope, meaning)
      declared.set(scope, meaning)
    }
  }
  return declared
}

function checkNames({ upstreams }: WrittenManifest, complain: Complain): void {
  for (const [position, { name, prefix }] of upstreams.entries()) {
    const before = upstreams.slice(0, position)
    const here: JsonPath = ['upstreams', position]
    if (RESERVED_NAMES.has(name)) complain([...here, 'name'], `${name} is the gateway itself`)
    if (before.some((other) => other.name === name)) complain([...here, 'name'], `there are two upstreams ${name}`)
    if (RESERVED.has(prefix.split('/')[1] ?? '')) {
      complain([...here, 'prefix'], `${prefix} lies over routes of the gateway itself`)
    }
    const other = before.find((each) => isWithin(each.prefix, prefix) || isWithin(prefix, each.prefix))
    if (other !== undefined) complain([...here, 'prefix'], `${prefix} overlaps ${other.prefix} of ${other.name}`)
  }
}

function isWithin(path: string, prefix: string): boolean {
  return `${path}/`.startsWith(`${prefix}/`)
}

function checkOrigins({ origin, tls }: WrittenUpstream, here: JsonPath, complain: Complain): void {
  const origins = [origin].flat()
  for (const [position, each] of origins.entries()) {
    const at = Array.isArray(origin) ? [...here, 'origin', position] : [...here, 'origin']
    const url = URL.canParse(each) ? new URL(each) : undefined
    if (url === undefined || url.origin !== each) {
      complain(at, `${each} is no origin: it must be written as ${url?.origin ?? 'http://host:port'}`)
    } else if (tls !== undefined && url.protocol !== 'https:') {
      complain([...here, 'tls'], `certificates are given, but ${each} is not https`)
    }
  }
}

function checkTemplates(upstream: WrittenUpstream, here: JsonPath, complain: Complain): void {
  const { routes = [], websockets = [] } = upstream
  if (routes.length + websockets.length === 0) complain(here, `${upstream.name} declares no route`)
  checkEach(
    routes.map(({ method, path }) => ({ kind: method, path })),
    [...here, 'routes'],
    complain,
  )
  checkEach(
    websockets.map(({ path }) => ({ kind: 'WebSocket', path })),
    [...here, 'websockets'],
    complain,
  )
}

function checkEach(
  each: readonly { readonly kind: string; readonly path: string }[],
  here: JsonPath,
  complain: Complain,
): void {
  for (const [position, { kind, path }] of each.entries()) {
    const at = [...here, position, 'path']
    if (/(^|\/)\.+(\/|$)/.test(path)) complain(at, `${path} has a part of dots`)
    const names = namesOf(path)
    if (new Set(names).size !== names.length) complain(at, `${path} names two parts alike`)
    for (const other of each.slice(0, position)) {
      if (other.kind !== kind) continue
      const relation = relationOf(path, other.path)
      if (relation === 'same') complain(at, `${kind} ${path} is declared twice: it fits what ${other.path} fits`)
      if (relation === 'crossing') {
        complain(at, `${kind} ${path} and ${other.path} fit the same paths, and neither is the narrower one`)
      }
    }
  }
}

function checkHeaders({ headers }: WrittenUpstream, here: JsonPath, complain: Complain): void {
  for (const [kind, forbidden] of [
    ['request', isForbiddenInRequests],
    ['response', isForbiddenInResponses],
  ] as const) {
    for (const [position, name] of (headers?.[kind] ?? []).entries()) {
      const at = [...here, 'headers', kind, position]
      if (forbidden(name)) complain(at, `${name} never passes: the gateway sets it or keeps it to itself`)
    }
  }
}

function certificatesOf(
  { tls }: WrittenUpstream,
  here: JsonPath,
  readCertificates: (path: string) => string,
  complain: Complain,
): string | undefined {
  if (tls === undefined) return undefined
  try {
    const pem = readCertificates(tls.ca)
    new X509Certificate(pem)
    return pem
  } catch {
    complain([...here, 'tls', 'ca'], `${tls.ca} is no file of certificates that can be read`)
    return undefined
  }
}
