/**
 * The headers of requests that the gateway itself reads and that a page may set. `test/guards/cors-headers.test.ts` compares
 * them with the sources.
 */
export const READ_HEADERS = [
  'Accept',
  'Authorization',
  'Content-Type',
  'Idempotency-Key',
  'If-Match',
  'If-None-Match',
  'Last-Event-ID',
  'X-Request-ID',
  'X-TENANT-ID',
  'X-TENANT-API-KEY',
] as const

/**
 * The headers of responses of the gateway that a client acts on. A page can read them. The guard compares them with the
 * sources.
 */
export const SENT_HEADERS = [
  'Allow',
  'Content-Disposition',
  'Deprecation',
  'ETag',
  'Idempotency-Replayed',
  'Link',
  'Location',
  'RateLimit',
  'RateLimit-Policy',
  'Retry-After',
  'Sunset',
  'WWW-Authenticate',
  'X-Request-ID',
] as const
