import type { JWK } from 'jose'
import { Type } from 'typebox'
import { open } from '../../kernel/request/access.js'
import type { Routes } from '../../kernel/rest/schemas.js'
import type { OpenApi } from './openapi-document.js'

export interface ServiceOptions {
  readonly public_jwks: readonly JWK[]
  readonly contract: OpenApi
}

const PUBLIC_CACHE = 'public, max-age=300'
const tags = ['service']

/** The key set and the contract. */
const service: Routes<ServiceOptions> = async (app, { public_jwks, contract }) => {
  const KeySet = Type.Object({ keys: Type.Array(Type.Object({}, { additionalProperties: true })) })
  const Document = Type.Object({}, { additionalProperties: true })

  app.get(
    '/.well-known/jwks.json',
    {
      config: { ...open(), is_uncounted: true },
      schema: {
        operationId: 'getKeySet',
        summary: 'Get the public keys of access tokens',
        tags,
        response: { 200: KeySet },
      },
    },
    async (_request, reply) => {
      reply.header('cache-control', PUBLIC_CACHE)
      return { keys: public_jwks as object[] }
    },
  )

  app.get(
    '/openapi.json',
    {
      config: open(),
      schema: {
        operationId: 'getOpenApiJson',
        summary: 'Get this contract as JSON',
        tags,
        response: { 200: Document },
      },
    },
    async (_request, reply) =>
      reply
        .header('cache-control', PUBLIC_CACHE)
        .type('application/json; charset=utf-8')
        .send(contract.json() as never),
  )

  app.get(
    '/openapi.yaml',
    {
      config: open(),
      schema: {
        operationId: 'getOpenApiYaml',
        summary: 'Get this contract as YAML',
        tags,
        produces: ['application/yaml'],
        response: { 200: { description: 'OpenAPI 3.1', content: { 'application/yaml': { schema: Type.String() } } } },
      },
    },
    async (_request, reply) =>
      reply
        .header('cache-control', PUBLIC_CACHE)
        .type('application/yaml; charset=utf-8')
        .send((await contract.yaml()) as never),
  )
}
export default service
