import { type IncomingMessage, request } from 'node:http'
import type { TestGateway } from './gateway.js'
import type { Frame } from './sockets.js'
import { until } from './until.js'

export interface StreamEvent extends Frame {
  readonly id: string | undefined
}

/** Opens a stream of server-sent events and records every event and the text that `curl -N` would show. */
export function openEvents(gateway: Pick<TestGateway, 'url'>, path: string, headers: Record<string, string> = {}) {
  const events: StreamEvent[] = []
  const listeners: ((event: StreamEvent) => void)[] = []
  const state: { response?: IncomingMessage; text: string; is_closed: boolean } = { text: '', is_closed: false }
  const outgoing = request(gateway.url + path, { headers: { accept: 'text/event-stream', ...headers }, agent: false })
  outgoing.on('response', (response) => {
    state.response = response
    let tail = ''
    response.setEncoding('utf8').on('data', (chunk: string) => {
      state.text += chunk
      const blocks = (tail + chunk).split('\n\n')
      tail = blocks.pop() ?? ''
      for (const event of blocks.flatMap(eventOf)) {
        events.push(event)
        for (const listener of listeners) listener(event)
      }
    })
    response.on('close', () => {
      state.is_closed = true
    })
    response.on('error', () => undefined)
  })
  outgoing.on('error', () => {
    state.is_closed = true
  })
  outgoing.end()
  return {
    events,
    state,
    response: () => until(`a response of ${path}`, () => state.response),
    event: (type: string) => until(`an event ${type} on ${path}`, () => events.find((event) => event.type === type)),
    closed: (within_ms?: number) => until(`${path} is closed`, () => state.is_closed, { within_ms }),
    /** Registers a listener for each later event. */
    onEvent: (listener: (event: StreamEvent) => void) => void listeners.push(listener),
    close: () => outgoing.destroy(),
  }
}

function eventOf(block: string): StreamEvent[] {
  const field = (name: string) =>
    block
      .split('\n')
      .find((line) => line.startsWith(`${name}: `))
      ?.slice(name.length + 2)
  const data = field('data')
  return data === undefined ? [] : [{ ...JSON.parse(data), id: field('id') }]
}
