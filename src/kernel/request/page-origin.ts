import type { FastifyRequest } from 'fastify'

declare module 'fastify' {
  interface FastifyInstance {
    /** The origin of the gateway's own pages: that of `PUBLIC_URL`. */
    own_origin: string
  }
}

/**
 * Returns the origin of the page that sends a request (RFC 6454 section 7). Undefined for a client that is no browser, and for
 * a page of the gateway, such as its API reference: their scripts are part of the gateway, so no tenant has to list them.
 */
export function pageOriginOf({ headers, server }: FastifyRequest): string | undefined {
  return headers.origin === server.own_origin ? undefined : headers.origin
}
