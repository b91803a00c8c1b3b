import type { ServerResponse } from 'node:http'
import fastify from 'fastify'
import { type Dispatcher, Pool } from 'undici'
import { openFactsReader } from '../../../src/kernel/authz/facts-reader.js'
import { openPooled } from '../../../src/kernel/database/pooled.js'

/**
 * The least work of a gateway that reads rights for each request: Fastify, undici, and the facts of each request, read
 * together for requests that arrive together. It does nothing with the facts: no checks, no counters, no log. Every gateway
 * that reads and checks rights for each request is slower than this.
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
