import type { ServerResponse } from 'node:http'
import fastify from 'fastify'
import { type Dispatcher, Pool } from 'undici'
import { openFactsReader } from '../../../src/kernel/authz/facts-reader.js'
import { openPooled } from '../../../src/kernel/database/pooled.js'

/**
 * The least that a gateway in this place could do: Fastify, undici, and one reading of who may do what for each request,
 * together for those that came together. It checks nothing, counts nothing and logs nothing: what asks for each request
 * what may have been revoked, and then does anything at all with the answer, is slower than this.
 */
const { ORIGIN, DATABASE_URL, CLAIMS, PORT } = process.env
const origin = new Pool(String(ORIGIN), { connections: 128, pipelining: 1 })
const database = openPooled(String(DATABASE_URL), 10, () => undefined)
const facts = openFactsReader(database)
const claims = JSON.parse(String(CLAIMS))

class Exchange implements Dispatcher.DispatchHandler {
  constructor(private readonly response: ServerResponse) {}
  onConnect(): void {}
  onHeaders(status: number, headers: Buffer[]): boolean {
    this.response.writeHead(
      status,
      headers.map((each) => each.toString('latin1')),
    )
    return true
  }
  onData(chunk: Buffer): boolean {
    this.response.write(chunk)
    return true
  }
  onComplete(): void {
    this.response.end()
  }
  onError(error: Error): void {
    this.response.destroy(error)
  }
}

const app = fastify()
app.get('/*', async ({ url: path }, reply) => {
  await facts.read(claims)
  reply.hijack()
  origin.dispatch({ path, method: 'GET' }, new Exchange(reply.raw))
})
process.once('SIGTERM', async () => {
  await app.close()
  await Promise.all([origin.destroy(), database.close()])
})
await app.listen({ host: '127.0.0.1', port: Number(PORT) })
