import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import type { Problem } from '../problems/problems.js'
import type { Declared } from '../request/access.js'
import { asksForHtml } from '../rest/accept.js'
import { takeForms } from './form-body.js'
import { PAGE_POLICY, type Page, renderPage } from './layout.js'
import { refusalPage } from './refusal-page.js'
import { checkSameOrigin } from './same-origin.js'

/**
 * Describes a refusal of one route for a person. `undefined` leaves it to the general page. It runs for refusals before the
 * handler too, so it checks what the request has.
 */
export type DescribeRefusal = (request: FastifyRequest, problem: Problem) => Promise<Page | undefined>

declare module 'fastify' {
  interface FastifyContextConfig {
    /** For a route that answers a person with pages: the page of a refusal. */
    readonly page?: DescribeRefusal
  }
}

const HTML = 'text/html; charset=utf-8'

/** The response of a page in the contract. */
export const PageResponse = { description: 'A page', content: { 'text/html': { schema: Type.String() } } }
/** The media type of a form in the contract. */
export const FORM = ['application/x-www-form-urlencoded']

/** The config of a page: its access, and how it describes refusals. */
export function page(declared: Declared, describe: DescribeRefusal = async () => undefined) {
  return { ...declared, page: describe }
}

/**
 * Makes the routes of a plugin pages: they take forms of their own origin and no other body. Call it before the routes.
 * @throws Error at the registration of a route whose config is not that of `page`
 */
export function servePages(app: FastifyInstance, public_url: string): void {
  takeForms(app)
  app.addHook('onRequest', async ({ method, headers }) => {
    if (method !== 'GET' && method !== 'HEAD') checkSameOrigin(headers, public_url)
  })
  app.addHook('onRoute', ({ method, url, config }) => {
    if (config?.page === undefined) throw new Error(`${method} ${url}: a page declares its access with page(open())`)
  })
}

/** Sends a page. The headers of every response already forbid caches and Referer. */
export function sendPage(reply: FastifyReply, page: Page): FastifyReply {
  return reply
    .header('content-security-policy', PAGE_POLICY)
    .header('cross-origin-opener-policy', 'same-origin')
    .type(HTML)
    .send(renderPage({ ...page, is_private: true }))
}

/** Whether a refusal is for a person: the route has pages, and the client prefers them. A program gets the problem. */
export function wantsPage({ routeOptions, headers }: FastifyRequest): boolean {
  return routeOptions?.config?.page !== undefined && asksForHtml(headers.accept)
}

/** Sends the page of a refusal, with the status and the headers of its problem. */
export async function sendRefusal(
  problem: Problem,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const describe = request.routeOptions.config.page
  // What cannot be read now must not replace the refusal.
  const own = await describe?.(request, problem).catch((error: unknown) => {
    request.log.warn({ err: error }, 'page of a refusal not made; sending the general page')
    return undefined
  })
  reply.code(problem.status).headers(problem.headers)
  return sendPage(reply, own ?? refusalPage(problem, request.id))
}
