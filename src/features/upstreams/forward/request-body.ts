import type { IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'
import { Problem } from '../../../kernel/problems/problems.js'

/** Whether a request has a body: it says its length, or that it comes in chunks (RFC 9112 section 6). */
export function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || (headers['content-length'] ?? '0') !== '0'
}

/** Refuses a body that says itself that it is too long. */
export function checkBodyLength({ headers }: IncomingMessage, bytes_max: number): void {
  if (Number(headers['content-length'] ?? 0) > bytes_max) throw tooLarge()
}

/** The rest of the body still comes, and nobody will read it. */
function tooLarge(): Problem {
  return new Problem('body_too_large', { headers: { connection: 'close' } })
}

/**
 * The body of a request on its way: read as fast as it is taken, and counted, for one that comes in chunks does not say
 * its length. It stands between the caller's connection and the upstream's, so that one can break without the other:
 * whoever is to be told that an upstream has broken off still needs a connection.
 */
export class RequestBody extends Readable {
  private bytes = 0

  constructor(
    private readonly source: IncomingMessage,
    private readonly bytes_max: number,
  ) {
    super()
    // Whoever refuses it looks at `errored`; a caller who breaks off before anybody reads it is no error of the process.
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
    // What still comes is thrown away, so that the answer is not stuck behind it.
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
