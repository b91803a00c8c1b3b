import { IncomingMessage } from 'node:http'
import { turnsOf } from './turns.js'

/** 16 bytes in base64 (RFC 6455 section 4.1). */
const SOCKET_KEY = /^[+/0-9A-Za-z]{22}==$/
export const SOCKET_VERSION = '13'

/** Checks whether a request is a valid WebSocket handshake (RFC 6455 section 4.2.1). */
function isHandshake({ method, headers }: IncomingMessage): boolean {
  return (
    method === 'GET' &&
    headers.upgrade?.toLowerCase() === 'websocket' &&
    headers['sec-websocket-version'] === SOCKET_VERSION &&
    SOCKET_KEY.test(headers['sec-websocket-key'] ?? '')
  )
}

/**
 * A request whose `upgrade` is true only for a WebSocket handshake that is the first in line on its connection. The gateway
 * ignores other upgrades, as RFC 9110 section 7.8 allows. Behind a response that still has the socket, nobody could accept
 * the handshake, and nothing would close its socket. Otherwise, with a listener for upgrades, Node would detach every request with an Upgrade header from
 * its parser, and a client that offers HTTP/2 over plain text with each request would get no response.
 */
export class GatewayRequest extends IncomingMessage {
  /** The constructor of the base class sets it, so it can be neither private nor initialised here. */
  declare wants_upgrade: boolean

  get upgrade(): boolean {
    return this.wants_upgrade && isHandshake(this) && turnsOf(this.socket)?.running === undefined
  }

  set upgrade(wanted: boolean | null) {
    this.wants_upgrade = wanted === true
  }
}
