import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/** A request with the response that the gateway owes for it. */
export interface Turn {
  readonly request: IncomingMessage
  readonly response: ServerResponse
}

/** The requests of one connection. */
export interface Turns {
  /** The request that runs. Its response has the socket. */
  running?: Turn
  readonly waiting: Turn[]
  /** The first request beyond the limit. It is refused, and what follows it is dropped. */
  refused?: IncomingMessage
  /** Answers what the parser could not read, after the requests before it. */
  broken?: () => void
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
  connection[TURNS] ??= { waiting: [] }
  return connection[TURNS]
}
