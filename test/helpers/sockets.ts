import { type ClientOptions, WebSocket } from 'ws'
import type { TestGateway } from './gateway.js'
import { until } from './until.js'

export interface Frame {
  readonly type: string
  // biome-ignore lint/suspicious/noExplicitAny: tests look into payloads of every shape
  readonly payload: any
}

export interface Closed {
  readonly code: number
  readonly reason: string
}

/** A WebSocket to the gateway that keeps what it was sent. */
export function openSocket(gateway: Pick<TestGateway, 'url'>, path: string, options: ClientOptions = {}) {
  const socket = new WebSocket(gateway.url.replace(/^http/, 'ws') + path, options)
  const frames: Frame[] = []
  const state: { closed?: Closed; status?: number; body?: string } = {}
  socket.on('message', (data) => frames.push(JSON.parse(String(data))))
  socket.on('close', (code, reason) => {
    state.closed = { code, reason: String(reason) }
  })
  // A refusal over HTTP, and a connection that breaks: what is asserted is how it closed.
  socket.on('error', () => undefined)
  socket.on('unexpected-response', (_request, response) => {
    state.status = response.statusCode ?? 0
    response.setEncoding('utf8').on('data', (chunk: string) => {
      state.body = (state.body ?? '') + chunk
    })
    response.on('end', () => socket.terminate())
  })
  return {
    socket,
    frames,
    /** The status and body of an answer that was no upgrade. */
    answer: () =>
      until('an answer over HTTP', () =>
        state.closed !== undefined && state.status !== undefined ? state : undefined,
      ),
    closed: (within_ms?: number) => until(`${path} is closed`, () => state.closed, { within_ms }),
    /** How it was closed, as `code reason`; undefined while it is open. */
    refusal: () => (state.closed === undefined ? undefined : `${state.closed.code} ${state.closed.reason}`),
    /** Whether it is open and nobody has begun to close it. */
    isOpen: () => socket.readyState === WebSocket.OPEN,
    send: (frame: unknown) => socket.send(typeof frame === 'string' ? frame : JSON.stringify(frame)),
    /** The first frame of a type, once it is there; `from` skips those before a position. */
    frame: (type: string, from = 0) =>
      until(`a frame ${type} on ${path}`, () => frames.slice(from).find((frame) => frame.type === type)),
    opened: () => until(`${path} is open`, () => socket.readyState === WebSocket.OPEN),
  }
}
