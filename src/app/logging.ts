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

/** What the log has for a request that no route matches, as the metrics do. */
const NO_ROUTE = '(none)'

/**
 * The fields of a request in the log: the route, and not the URL. Its query may hold search terms, and a path that no route
 * matches may hold anything, such as the name or the address of a customer.
 */
export function requestFields(request: FastifyRequest): Record<string, unknown> {
  return {
    method: request.method,
    route: templateOf(request) ?? NO_ROUTE,
    address: request.ip,
  }
}

/** SQLSTATE class 22 (data exception): PostgreSQL quotes the value in the message. */
const QUOTES_A_VALUE = /^22[0-9A-Z]{3}$/

/** The fields of an error in the log. Messages of drivers stay, unless they quote a value; parameters and details are dropped. */
function errorFields(error: Error & { code?: string }): Record<string, unknown> {
  const { name: type, code, message, stack } = error
  if (!QUOTES_A_VALUE.test(code ?? '')) return { type, code, message, stack }
  return { type, code, message: 'a value is not valid', stack: stack?.replace(message, '') }
}
