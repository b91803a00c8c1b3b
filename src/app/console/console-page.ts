import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import { addVary, sendRepresentation } from '../../kernel/pages/representation.js'
import { Problem } from '../../kernel/problems/problems.js'
import { open } from '../../kernel/request/access.js'
import { asksForHtml } from '../../kernel/rest/accept.js'
import { problems } from '../../kernel/rest/schemas.js'
import type { ConsoleFiles } from './console-files.js'

export const CONSOLE_PREFIX = '/console'
const INDEX = 'index.html'
const ASSETS = 'assets/'
/**
 * The page loads scripts and styles of this origin only, and none that is written into a page. So text that a user wrote
 * cannot run, even if a page showed it as markup.
 */
const POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self' data:",
  "frame-ancestors 'none'",
  "base-uri 'none'",
  "form-action 'self'",
].join('; ')
/** The name of an asset contains a hash of its content. */
const ASSET_CACHE = 'public, max-age=31536000, immutable'
/** The index names the assets, so a browser must ask for the newest one. */
const INDEX_CACHE = 'no-cache'

/**
 * Serves the console: its files below `/console/assets/`, and its page at every other path below `/console`, because the
 * console reads the path itself. A program that does not accept HTML gets 404 there.
 */
export function serveConsole(app: FastifyInstance, files: ConsoleFiles): void {
  if (files.size === 0) {
    app.log.warn('console not built; /console answers 404')
    return
  }
  for (const url of [CONSOLE_PREFIX, `${CONSOLE_PREFIX}/*`]) {
    app.get(
      url,
      {
        config: open(),
        schema: {
          hide: true,
          // Filters and pages of lists are in the query of a link. The console reads them.
          querystring: { type: 'object', additionalProperties: true },
          response: {
            200: { description: 'A file', content: { '*/*': { schema: Type.Any() } } },
            304: Type.Any({ description: 'The file that the client has is the newest one' }),
            ...problems('not_found'),
          },
        },
      },
      (request, reply) => sendFile(files, request, reply),
    )
  }
}

/** @throws Problem `not_found` */
async function sendFile(files: ConsoleFiles, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const path = (request.params as { '*'?: string })['*'] ?? ''
  const is_asset = path.startsWith(ASSETS)
  const file = files.get(is_asset ? path : INDEX)
  if (file === undefined || !(is_asset || asksForHtml(request.headers.accept))) throw new Problem('not_found')
  reply.header('content-security-policy', POLICY).header('cache-control', is_asset ? ASSET_CACHE : INDEX_CACHE)
  if (!is_asset) addVary(reply, 'Accept')
  return sendRepresentation(file, request, reply)
}
