import { IncomingMessage } from 'node:http'

/** 16 bytes in base64 (RFC 6455 section 4.1). */
const SOCKET_KEY = /^[+/0-9A-Za-z]{22}==$/
export const SOCKET_VERSION = '13'

/** Whether a request is a handshake of WebSocket that can be accepted (RFC 6455 section 4.2.1). */
function isHandshake({ method, headers }: IncomingMessage): boolean {
  return (
    method === 'GET' &&
    headers.upgrade?.toLowerCase() === 'websocket' &&
    headers['sec-websocket-version'] === SOCKET_VERSION &&
    SOCKET_KEY.test(headers['sec-websocket-key'] ?? '')
  )
}

/**
 * A request that asks for an upgrade only when it is a handshake of WebSocket. Any other wish for another protocol is
 * ignored, as RFC 9110 section 7.8 allows: Node would take the request away from its parser as soon as somebody listens
 * for upgrades, and clients that offer HTTP/2 over plain text with each request would get no answer.
 */
export class GatewayRequest extends IncomingMessage {
  /** Set by the constructor of the base already, so it can neither be private nor have a first value. */
  declare wants_upgrade: boolean

  get upgrade(): boolean {
    return this.wants_upgrade && isHandshake(this)
  }

  set upgrade(wanted: boolean | null) {
    this.wants_upgrade = wanted === true
  }
}
