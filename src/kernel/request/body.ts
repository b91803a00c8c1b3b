import type { IncomingMessage } from 'node:http'

/** Checks whether a request has a body: Content-Length or Transfer-Encoding (RFC 9112 section 6). */
export function hasBody({ headers }: Pick<IncomingMessage, 'headers'>): boolean {
  return headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0'
}
