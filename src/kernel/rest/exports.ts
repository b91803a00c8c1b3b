import type { FastifyReply, FastifyRequest } from 'fastify'
import { Pieces } from '../jobs/pieces.js'
import { ConcurrencyCounter } from '../limits/concurrency.js'
import { Problem } from '../problems/problems.js'

/** The time for a million rows to a slow client. */
export const EXPORT_MS_MAX = 3_600_000
/** Exports at the same time. Each keeps the database and the process busy until the client has read all rows. */
const EXPORTS_MAX = { user: 2, tenant: 4 }

/** From one batch of all exports of a kind to the next one. A batch of 50 audit events takes 1 to 2 ms. */
const PAUSE_MS = 6

/** The exports of one kind that run at the same time. */
export class RunningExports {
  readonly #running = new ConcurrencyCounter()
  readonly #pieces = new Pieces(PAUSE_MS)

  /**
   * Counts an export until its connection closes.
   * @throws Problem `too_many_connections` beyond the limit of the caller or of the tenant
   */
  enter({ principal, tenant }: FastifyRequest, reply: FastifyReply): void {
    this.#enterAs('user', principal.id, reply)
    this.#enterAs('tenant', tenant.id, reply)
  }

  /** Passes batches on while the caller may still read them. Other requests run in between. */
  async *whileAllowed<T>(batches: AsyncIterable<T>, reply: FastifyReply): AsyncGenerator<T> {
    for await (const batch of batches) {
      yield batch
      await this.#pieces.turn()
      await reply.checkAccess()
    }
  }

  #enterAs(of: keyof typeof EXPORTS_MAX, id: string, reply: FastifyReply): void {
    const max = EXPORTS_MAX[of]
    if (!this.#running.enter(`${of} ${id}`, max)) throw tooMany(of, max)
    reply.raw.once('close', () => this.#running.leave(`${of} ${id}`))
  }
}

function tooMany(of: string, max: number): Problem {
  const detail = `This ${of} has ${max} exports under way. Wait until one of them ends.`
  return new Problem('too_many_connections', { detail, headers: { 'retry-after': '5' } })
}

/** Reads the first batch now, so that its failure is thrown here, as a 503. The client pulls the other batches. */
export async function begin<T>(batches: AsyncGenerator<T>): Promise<AsyncGenerator<T>> {
  const first = await batches.next()
  return (async function* () {
    if (first.done === true) return
    yield first.value
    yield* batches
  })()
}

/** Answers a HEAD request like its GET, without reading the rows. */
export async function* nothing<T>(): AsyncGenerator<T> {}

/** Writes batches as NDJSON, one object a line. */
export async function* asNdjson(batches: AsyncIterable<readonly object[]>): AsyncGenerator<string> {
  for await (const batch of batches) yield batch.map((line) => `${JSON.stringify(line)}\n`).join('')
}
