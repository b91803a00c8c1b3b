import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import { v4 as uuidv4 } from 'uuid'
import type { ProblemCode } from '../../contract/problems/catalogue.js'
import { Problem, problemBody } from './problems.js'

/** Errors of Node's HTTP parser. They occur before there is a request, so no hook and no handler sees them. */
const PARSER_CODES: Readonly<Record<string, ProblemCode>> = {
  HPE_HEADER_OVERFLOW: 'headers_too_large',
  ERR_HTTP_REQUEST_TIMEOUT: 'request_timeout',
}

interface ParserError extends Error {
  readonly code?: string
}

/** Answers an unparsable request with a problem and closes the connection. */
export function clientErrorHandler(public_url: string) {
  return (error: ParserError, socket: Socket): void => {
    if (error.code === 'ECONNRESET' || !socket.writable) {
      socket.destroy()
      return
    }
    const problem = new Problem(PARSER_CODES[error.code ?? ''] ?? 'malformed_request')
    const request_id = uuidv4()
    const body = JSON.stringify(problemBody(problem, public_url, request_id))
    const head = [
      `HTTP/1.1 ${problem.status} ${STATUS_TEXT[problem.status] ?? 'Bad Request'}`,
      'Content-Type: application/problem+json; charset=utf-8',
      `Content-Length: ${Buffer.byteLength(body)}`,
      'Cache-Control: no-store',
      'X-Content-Type-Options: nosniff',
      `X-Request-ID: ${request_id}`,
      'Connection: close',
    ]
    socket.end(`${head.join('\r\n')}\r\n\r\n${body}`)
  }
}

const STATUS_TEXT: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  408: 'Request Timeout',
  431: 'Request Header Fields Too Large',
}

/** The ids of requests that the gateway takes from a client. */
export const REQUEST_ID = /^[A-Za-z0-9._-]{1,128}$/

/** Returns the client's `X-Request-ID` if it is 1 to 128 characters of `[A-Za-z0-9._-]`, or a new id. */
export function requestIdOf(request: IncomingMessage): string {
  const given = request.headers['x-request-id']
  return typeof given === 'string' && REQUEST_ID.test(given) ? given : uuidv4()
}
