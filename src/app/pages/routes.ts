import { Type } from 'typebox'
import { lazy } from '../../kernel/lazy.js'
import { sendRepresentation } from '../../kernel/pages/representation.js'
import { REVALIDATED, sendPageOrJson } from '../../kernel/pages/send-page.js'
import { Problem } from '../../kernel/problems/problems.js'
import { open } from '../../kernel/request/access.js'
import { problems, type Routes, strictObject } from '../../kernel/rest/schemas.js'
import type { Demo } from '../demo/index.js'
import type { OpenApi } from '../openapi/openapi-document.js'
import { demoCredentials } from './demo-credentials.js'
import { DOCS_POLICY, docsPage } from './docs-page.js'
import { frontPage } from './front-page.js'
import { problemIndex, problemPages } from './problem-pages.js'

export interface PagesOptions {
  readonly contract: OpenApi
  readonly public_url: string
  /** Returns the demo, or undefined before it is seeded; undefined in a process that never has one. */
  readonly demoNow: (() => Demo | undefined) | undefined
}

/** The path of such a file has its digest, so its content never changes. */
const IMMUTABLE = 'public, max-age=31536000, immutable'
const tags = ['service']
const MARKUP = { 'text/html': { schema: Type.String() } }
/** What a route responds with that has a page for a person and JSON for a program. */
const pageOrJson = (description: string, schema: object) => ({
  200: { description, content: { 'application/json': { schema }, ...MARKUP } },
  304: Type.Null({ description: 'The client has the current one.' }),
  ...problems('not_acceptable'),
})

const Index = Type.Object({
  name: Type.String(),
  description: Type.String(),
  links: Type.Record(Type.String(), Type.String()),
})
const PROBLEM_SUMMARY = {
  code: Type.String(),
  status: Type.Integer(),
  title: Type.String(),
  href: Type.String({ description: 'The path of the page of this problem' }),
}
const ProblemIndex = Type.Object({ problems: Type.Array(Type.Object(PROBLEM_SUMMARY)) })
const ProblemExplanation = Type.Object({
  ...PROBLEM_SUMMARY,
  detail: Type.String(),
  explanation: Type.String(),
  example: Type.Object({}, { additionalProperties: true, description: 'The body of the problem as it is sent' }),
})

/** The pages for people: the front page, the problems and the API reference. Each of them is made once. */
const pages: Routes<PagesOptions> = async (app, { contract, public_url, demoNow }) => {
  const front = lazy(() => frontPage((url) => app.hasRoute({ method: 'GET', url })))
  const index = lazy(problemIndex)
  const explanations = lazy(() => problemPages(public_url))
  const reference = lazy(() => docsPage(demoNow !== undefined))

  app.get(
    '/',
    {
      config: open(),
      schema: {
        operationId: 'getIndex',
        summary: 'Get the front page, or its links as JSON',
        tags,
        response: pageOrJson('What this is, and where to go on', Index),
      },
    },
    async (request, reply) => sendPageOrJson(front(), request, reply) as never,
  )

  app.get(
    '/problems',
    {
      config: open(),
      schema: {
        operationId: 'getProblemIndex',
        summary: 'Get every problem of the catalogue',
        tags,
        response: pageOrJson('Every code with its status and title', ProblemIndex),
      },
    },
    async (request, reply) => sendPageOrJson(index(), request, reply) as never,
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
          ...pageOrJson('What the problem means, with an example', ProblemExplanation),
          ...problems('not_found', 'not_acceptable'),
        },
      },
    },
    async (request, reply) => {
      const page = explanations().get((request.params as { code: string }).code)
      if (page === undefined) throw new Problem('not_found')
      // `type` of a problem leads here, so a client that takes both gets the page.
      return sendPageOrJson(page, request, reply, { first: 'html' }) as never
    },
  )

  const hidden = { config: open(), schema: { hide: true } }
  for (const url of ['/docs', '/docs/']) {
    app.get(url, hidden, async (request, reply) => {
      reply.header('cache-control', REVALIDATED).header('content-security-policy', DOCS_POLICY)
      return sendRepresentation(reference().page, request, reply)
    })
  }
  app.get('/docs/assets/:name', hidden, async (request, reply) => {
    const asset = reference().assets.get((request.params as { name: string }).name)
    if (asset === undefined) throw new Problem('not_found')
    return sendRepresentation(asset, request, reply.header('cache-control', IMMUTABLE))
  })
  // The addresses that the reference had before /openapi.json.
  app.get('/docs/json', hidden, async (_request, reply) =>
    reply.type('application/json; charset=utf-8').send(contract.json()),
  )
  app.get('/docs/yaml', hidden, async (_request, reply) =>
    reply.type('application/yaml; charset=utf-8').send(await contract.yaml()),
  )
  if (demoNow !== undefined) {
    app.get('/docs/demo', hidden, async (request, reply) => reply.send(demoCredentials(request, demoNow(), public_url)))
  }
}
export default pages
