import type { FastifyRequest } from 'fastify'
import type { LoggerOptions } from 'pino'
import { templateOf } from '../kernel/request/route-of.js'

/**
 * Matches credentials anywhere in a line: tenant keys, refresh tokens, tickets, JWTs, passwords in URLs. It reads each run of
 * characters of base64url once, because a client can choose parts of a line.
 */
const CREDENTIALS =
  /gh[krst]_[\w-]{8,}|(?<![\w-])(?=[\w-]*eyJ[\w-]{8})[\w-]+\.[\w-]+\.[\w-]*|(?<=:\/\/[^:/@\s"]*:)[^@/\s"]+(?=@)/g
const REDACTED = '[redacted]'
const PATH_CHARACTERS_MAX = 200

/**
 * The options of the log, which is JSON lines. Two measures keep secrets out. A request is logged by the fields chosen
 * here, without its headers, query or body. And every line is searched for credentials before it is written.
 */
export function logOptions(level: string): LoggerOptions {
  return {
    level,
    redact: {
      paths: [
        'password',
        '*.password',
        'headers',
        '*.headers',
        'refresh',
        '*.refresh',
        'access',
        '*.access',
        'key',
        '*.key',
      ],
      censor: REDACTED,
    },
    formatters: { level: (label) => ({ level: label }) },
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    hooks: { streamWrite: (line) => line.replace(CREDENTIALS, REDACTED) },
    serializers: { req: requestFields, res: () => undefined, err: errorFields },
  }
}

/** The fields of a request in the log: the route, and not the URL, because its query may hold search terms. */
export function requestFields(request: FastifyRequest): Record<string, unknown> {
  return {
    method: request.method,
    route: templateOf(request) ?? pathOf(request),
    address: request.ip,
  }
}

function pathOf(request: FastifyRequest): string {
  return (request.raw.url ?? '').split('?')[0]?.slice(0, PATH_CHARACTERS_MAX) ?? ''
}

/** The fields of an error in the log. Messages of drivers stay; their parameters and details are dropped. */
function errorFields(error: Error & { code?: string }): Record<string, unknown> {
  return { type: error.name, code: error.code, message: error.message, stack: error.stack }
}
