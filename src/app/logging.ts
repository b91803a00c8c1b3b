import type { FastifyRequest } from 'fastify'
import type { LoggerOptions } from 'pino'
import { templateOf } from '../kernel/request/route-of.js'

/** Whatever looks like a credential, wherever it stands: tenant keys, refresh tokens, tickets, JWTs, passwords of URLs. */
const CREDENTIALS = /gh[krst]_[\w-]{8,}|eyJ[\w-]{8,}\.[\w-]+\.[\w-]*|(?<=:\/\/[^:/@\s"]*:)[^@/\s"]+(?=@)/g
const REDACTED = '[redacted]'
const PATH_CHARACTERS_MAX = 200

/**
 * The log: JSON lines. Two nets keep secrets out. Requests are logged by fields chosen here, never by their headers,
 * query or body; and every finished line is searched for what looks like a credential.
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

/** What may be said of a request: the route, not the URL, which may hold what somebody searched for. */
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

/** An error without what it was given: messages of drivers stay, their parameters and details do not. */
function errorFields(error: Error & { code?: string }): Record<string, unknown> {
  return { type: error.name, code: error.code, message: error.message, stack: error.stack }
}
