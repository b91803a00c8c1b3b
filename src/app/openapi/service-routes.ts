import type { JWK } from 'jose'
import { Type } from 'typebox'
import { PROBLEMS, type ProblemCode } from '../../contract/problems/catalogue.js'
import { Problem } from '../../kernel/problems/problems.js'
import { open } from '../../kernel/request/access.js'
import { problems, type Routes, strictObject } from '../../kernel/rest/schemas.js'
import { problemPage } from './openapi.js'
import type { OpenApi } from './openapi-document.js'

export interface ServiceOptions {
  readonly public_jwks: readonly JWK[]
  readonly contract: OpenApi
}

const PUBLIC_CACHE = 'public, max-age=300'
const tags = ['service']

/** The key set, the contract, and the pages that explain problems. */
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

  app.get(
    '/problems/:code',
    {
      config: open(),
      schema: {
        operationId: 'getProblemPage',
        summary: 'Get the explanation of a problem',
        tags,
        params: strictObject({ code: Type.String({ description: 'The code of a problem' }) }),
        response: {
          200: { description: 'A page', content: { 'text/html': { schema: Type.String() } } },
          ...problems('not_found'),
        },
      },
    },
    async (request, reply) => {
      const { code } = request.params as { code: string }
      if (!Object.hasOwn(PROBLEMS, code)) throw new Problem('not_found')
      return reply
        .header('cache-control', PUBLIC_CACHE)
        .type('text/html; charset=utf-8')
        .send(problemPage(code as ProblemCode))
    },
  )
}
export default service
