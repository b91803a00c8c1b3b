import { hash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, extname, join } from 'node:path'
import swaggerUi from '@fastify/swagger-ui'
import type { FastifyInstance, FastifyReply, FastifyRequest, RouteOptions } from 'fastify'
import { Problem } from '../../kernel/problems/problems.js'
import type { OpenApi } from './openapi-document.js'

const PREFIX = '/docs'
const PUBLIC_CACHE = 'public, max-age=300'
const STATIC_FOLDER = join(dirname(createRequire(import.meta.url).resolve('@fastify/swagger-ui')), 'static')
const TYPES: Readonly<Record<string, string>> = {
  '.js': 'application/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.html': 'text/html; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
}

type Handler = (request: FastifyRequest, reply: FastifyReply) => FastifyReply | Promise<FastifyReply>

interface Asset {
  readonly type: string
  readonly etag: string
  readonly content: Buffer
}

/**
 * Serves the page of the API reference. It replaces those handlers of the plugin that would do much work for each request:
 * the plugin would serialise the whole document, and read each file from disk. The page needs no credentials, so each
 * response must be cheap.
 */
export async function serveDocsPage(app: FastifyInstance, contract: OpenApi, public_url: string): Promise<void> {
  const assets = readAssets()
  const handlers: Readonly<Record<string, Handler>> = {
    [`${PREFIX}/json`]: (_request, reply) => reply.type('application/json; charset=utf-8').send(contract.json()),
    [`${PREFIX}/yaml`]: async (_request, reply) =>
      reply.type('application/yaml; charset=utf-8').send(await contract.yaml()),
    [`${PREFIX}/static/*`]: (request, reply) => sendAsset(assets, request, reply),
  }
  app.addHook('onRoute', (route: RouteOptions) => {
    const handler = handlers[route.url]
    if (handler !== undefined) route.handler = handler as RouteOptions['handler']
  })
  await app.register(swaggerUi, {
    routePrefix: PREFIX,
    staticCSP: true,
    transformStaticCSP: (policy) => contentSecurityPolicy(policy, public_url),
    uiConfig: { persistAuthorization: false },
    transformSpecification: () => contract.document() as unknown as Record<string, unknown>,
    transformSpecificationClone: false,
  })
}

/**
 * Adapts the policy of the plugin. `upgrade-insecure-requests` would make the browser load the files of the page over TLS,
 * so over plain HTTP the page would stay empty. The page uses no validator of another origin.
 */
function contentSecurityPolicy(policy: string, public_url: string): string {
  const own = policy.replace(' validator.swagger.io', '')
  return public_url.startsWith('https:') ? own : own.replace(/ ?upgrade-insecure-requests;/, '')
}

function readAssets(): ReadonlyMap<string, Asset> {
  const assets = new Map<string, Asset>()
  for (const name of readdirSync(STATIC_FOLDER)) {
    const type = TYPES[extname(name)]
    if (type === undefined) continue
    const content = readFileSync(join(STATIC_FOLDER, name))
    assets.set(name, { type, etag: `"${hash('sha256', content, 'base64url')}"`, content })
  }
  return assets
}

/** @throws Problem `not_found` */
function sendAsset(assets: ReadonlyMap<string, Asset>, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const asset = assets.get((request.params as { '*': string })['*'])
  if (asset === undefined) throw new Problem('not_found')
  reply.header('cache-control', PUBLIC_CACHE).header('etag', asset.etag)
  if (request.headers['if-none-match'] === asset.etag) return reply.code(304).send()
  return reply.type(asset.type).send(asset.content)
}
