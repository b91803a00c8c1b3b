import pg from 'pg'
import type { Listen, Row } from './database.js'
import { destroy } from './destroy.js'
import type { Pulse } from './pulse.js'

const CONNECT_TIMEOUT_MS = 2_000
/** A question that takes longer is worth nothing any more: the lease of its answer has ended. */
const STATEMENT_TIMEOUT_MS = 2_000
/** A server that is out of reach does not answer the end of a connection. */
const CLOSE_TIMEOUT_MS = 1_000

/**
 * Makes the function that opens a connection outside of the pool. It hears notifications, and its commits do not wait for
 * the disk, unless a transaction asks for that.
 */
export function listening(settings: pg.ClientConfig, pulse: Pulse): Listen {
  return async (channels, { onNotification, onEnd }) => {
    const client = new pg.Client({
      ...settings,
      application_name: 'gatehouse-replica',
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      query_timeout: STATEMENT_TIMEOUT_MS,
      keepAlive: true,
    })
    // The event 'end' follows. Without this listener the error would end the process.
    client.on('error', () => undefined)
    client.on('notification', ({ channel, payload = '' }) => onNotification(channel, payload))
    await client.connect()
    client.on('end', onEnd)
    try {
      // No start-up parameters, because a pooler can refuse them.
      await client.query(`set role gatehouse_platform; set synchronous_commit = off; set timezone = 'UTC';
        set statement_timeout = ${STATEMENT_TIMEOUT_MS}`)
      for (const channel of channels) await client.query(`listen ${channel}`)
    } catch (error) {
      await client.end().catch(() => undefined)
      throw error
    }
    // One statement after another. The driver will not queue them any more in its next version.
    let last: Promise<unknown> = Promise.resolve()
    return {
      run(text, values) {
        const result = last.then(async () => (await pulse.watch(client.query<Row>(text, [...values]))).rows)
        last = result.catch(() => undefined)
        return result
      },
      close: () => closed(client),
    }
  }
}

/** Ends a connection. Never rejects, and destroys the connection if the server does not answer in time. */
async function closed(client: pg.Client): Promise<void> {
  const timer = setTimeout(() => destroy(client), CLOSE_TIMEOUT_MS)
  await client.end().catch(() => undefined)
  clearTimeout(timer)
}
