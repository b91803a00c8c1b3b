import { type ClientOptions, WebSocket } from 'ws'
import type { TestGateway } from './gateway.js'
import { until } from './until.js'

export interface Frame {
  readonly type: string
  // biome-ignore lint/suspicious/noExplicitAny: tests look into payloads of every shape
  readonly payload: any
  readonly id?: number | string | undefined
}

export interface Closed {
  readonly code: number
  readonly reason: string
}

/** Opens a WebSocket to the gateway and records every frame that it receives. */
export function openSocket(gateway: Pick<TestGateway, 'url'>, path: string, options: ClientOptions = {}) {
  const socket = new WebSocket(gateway.url.replace(/^http/, 'ws') + path, options)
  const frames: Frame[] = []
  const state: { closed?: Closed; status?: number; body?: string } = {}
  socket.on('message', (data) => frames.push(JSON.parse(String(data))))
  socket.on('close', (code, reason) => {
    state.closed = { code, reason: String(reason) }
  })
  // An HTTP refusal or a broken connection also emits error. Tests assert the close code or the status.
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
    /** The status and body of a response that is no upgrade. */
    answer: () =>
      until('a response over HTTP', () =>
        state.closed !== undefined && state.status !== undefined ? state : undefined,
      ),
    closed: (within_ms?: number) => until(`${path} is closed`, () => state.closed, { within_ms }),
    /** The close code and reason, as `code reason`. Undefined while the socket is open. */
    refusal: () => (state.closed === undefined ? undefined : `${state.closed.code} ${state.closed.reason}`),
    /** Whether the socket is open and neither side has started to close it. */
    isOpen: () => socket.readyState === WebSocket.OPEN,
    send: (frame: unknown) => socket.send(typeof frame === 'string' ? frame : JSON.stringify(frame)),
    /** Waits for the first frame of a type. `from` skips the frames before this position. */
    frame: (type: string, from = 0) =>
      until(`a frame ${type} on ${path}`, () => frames.slice(from).find((frame) => frame.type === type)),
    opened: () => until(`${path} is open`, () => socket.readyState === WebSocket.OPEN),
  }
}
