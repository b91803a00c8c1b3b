import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/** A request with the response that the gateway owes for it. */
export interface Turn {
  readonly request: IncomingMessage
  readonly response: ServerResponse
}

/** The requests of one connection. */
export interface Turns {
  /** Whether a request runs, so that its response has the socket. */
  is_taken: boolean
  readonly waiting: Turn[]
  /** The first request beyond the limit. It is refused, and all later requests are dropped. */
  refused?: IncomingMessage
  dropped: number
}

const TURNS = Symbol('turns')
interface ConnectionWithTurns extends Socket {
  [TURNS]?: Turns
}

/** Returns the turns of a connection; undefined before its first request. */
export function turnsOf(connection: ConnectionWithTurns): Turns | undefined {
  return connection[TURNS]
}

/** Returns the turns of a connection, and begins to keep them with its first request. */
export function keepTurnsOf(connection: ConnectionWithTurns): Turns {
  connection[TURNS] ??= { is_taken: false, waiting: [], dropped: 0 }
  return connection[TURNS]
}
