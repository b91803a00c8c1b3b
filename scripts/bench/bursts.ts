// The busy tenant of the suite `neighbours`, in a process of its own: the client that is measured does not wait for it.
import { once } from 'node:events'
import { Agent } from 'node:http'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Ask, answer } from './ask.js'

/** The busy tenant sends a burst at this interval. */
const BURST_MS = 1_000
/** The responses under way have this time at the end. */
const LAST_MS = 1_000

/** Requests that are sent at once, again and again. */
export interface Burst {
  readonly url: string
  readonly asks: readonly Ask[]
  /** If set, each request is sent so many times in one packet, once, and its connection reads nothing until the end. */
  readonly pipelined?: number
}

let running: { readonly stop: AbortController; readonly ended: Promise<unknown> } | undefined

process.on('message', async (burst: Burst | 'stop') => {
  if (burst !== 'stop') {
    const stop = new AbortController()
    running = { stop, ended: burst.pipelined === undefined ? repeat(burst, stop.signal) : pipeline(burst, stop.signal) }
    return
  }
  running?.stop.abort()
  await running?.ended
  running = undefined
  process.send?.('stopped')
})
process.on('disconnect', () => process.exit())
process.send?.('ready')

/** Sends bursts until the signal, and waits for their responses. What takes longer, such as an export, is ended. */
async function repeat({ url, asks }: Burst, stop: AbortSignal): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: 400 })
  const sent: Promise<unknown>[] = []
  while (!stop.aborted) {
    for (const ask of asks) sent.push(answer(url, agent, ask).catch(() => undefined))
    await sleep(BURST_MS, undefined, { signal: stop }).catch(() => undefined)
  }
  await Promise.race([Promise.all(sent), sleep(LAST_MS)])
  agent.destroy()
}

/** Sends many requests in one packet of each connection, and reads nothing until the signal. */
async function pipeline({ url, asks, pipelined = 1 }: Burst, stop: AbortSignal): Promise<void> {
  const { hostname, port } = new URL(url)
  const connections = asks.map(({ method, path }) => {
    const connection = connect(Number(port), hostname).pause()
    connection.on('error', () => undefined)
    connection.write(`${method} ${path} HTTP/1.1\r\nHost: gateway\r\n\r\n`.repeat(pipelined))
    return connection
  })
  if (!stop.aborted) await once(stop, 'abort')
  for (const connection of connections) connection.destroy()
}
