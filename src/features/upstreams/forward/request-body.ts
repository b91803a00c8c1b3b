import type { IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'
import { Problem } from '../../../kernel/problems/problems.js'
import { hasBody } from '../../../kernel/request/body.js'
import type { DeclaredRoute } from '../manifest/manifest.js'

/**
 * Refuses a body that the route does not take, or whose Content-Length is too large. A service that ignores the body of a
 * DELETE reads it as the next request on a connection that other tenants share, so the manifest must declare one.
 *
 * @throws Problem `malformed_request`, `body_too_large`
 */
export function checkBody(raw: IncomingMessage, { method, body_bytes_max }: DeclaredRoute): void {
  if (body_bytes_max === undefined) {
    if (!hasBody(raw)) return
    throw new Problem('malformed_request', { detail: `This ${method} route of the service takes no body.` })
  }
  if (Number(raw.headers['content-length'] ?? 0) > body_bytes_max) throw tooLarge()
}

/** Discards the rest of the body, which the client still sends. */
function tooLarge(): Problem {
  return new Problem('body_too_large', { headers: { connection: 'close' } })
}

/**
 * Streams the body of a request. It reads as fast as the upstream takes the data, and counts the bytes, because a chunked body
 * has no Content-Length. It separates the connection of the client from that of the upstream: if the upstream breaks off, the
 * client still needs its connection for the response.
 */
export class RequestBody extends Readable {
  private bytes = 0

  constructor(
    private readonly source: IncomingMessage,
    private readonly bytes_max: number,
  ) {
    super()
    // The exchange checks `errored`. A client that disconnects before the body is read must not cause an uncaught error.
    this.on('error', () => undefined)
    source.on('data', this.count)
    source.on('end', this.finish)
    source.on('close', this.breakOff)
    if (source.destroyed) this.breakOff()
  }

  override _read(): void {
    this.source.resume()
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.source.off('data', this.count).off('end', this.finish).off('close', this.breakOff)
    // The rest is discarded, so that the response is not blocked behind it.
    this.source.resume()
    done(error)
  }

  private readonly count = (chunk: Buffer): void => {
    this.bytes += chunk.length
    if (this.bytes > this.bytes_max) this.destroy(tooLarge())
    else if (!this.push(chunk)) this.source.pause()
  }

  private readonly finish = (): void => {
    this.push(null)
  }

  private readonly breakOff = (): void => {
    if (!this.source.complete) this.destroy(new Error('the caller broke off'))
  }
}
