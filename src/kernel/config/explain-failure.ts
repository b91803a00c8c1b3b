import { ConfigurationError } from './env.js'

/** What an operator can do about an error of the system or of PostgreSQL (appendix A of its manual), by code. */
const REMEDIES: Readonly<Record<string, string>> = {
  EADDRINUSE: 'stop the process that listens there, or set another PORT or METRICS_PORT',
  EACCES: 'the process may not open this port or file',
  ECONNREFUSED: 'no server listens at the address in DATABASE_URL',
  ENOTFOUND: 'the host name in DATABASE_URL is unknown',
  EAI_AGAIN: 'the host name in DATABASE_URL is unknown at the moment',
  ETIMEDOUT: 'the server in DATABASE_URL does not answer',
  EHOSTUNREACH: 'the server in DATABASE_URL cannot be reached',
  ENETUNREACH: 'the server in DATABASE_URL cannot be reached',
  '28000': 'the server refuses the login in DATABASE_URL',
  '28P01': 'the password in DATABASE_URL is wrong',
  '3D000': 'create the database that DATABASE_URL names',
  '42501': 'the login in DATABASE_URL lacks a right; `npm run migrate` needs the owner of the database',
  '53300': 'the server has no free connection for the login in DATABASE_URL',
}

/** How pg and pg-pool call a server that does not answer. They set no code. */
const NO_ANSWER =
  /^(timeout expired|Connection terminated due to connection timeout|timeout exceeded when trying to connect)$/

/**
 * Explains an error that ends a program, in one line.
 *
 * @returns undefined for an error that an operator cannot correct: it is a bug, and its stack is needed
 */
export function explainFailure(error: unknown): string | undefined {
  if (!(error instanceof Error)) return String(error)
  const { code, message } = error as NodeJS.ErrnoException
  if (error instanceof ConfigurationError) return message
  if (NO_ANSWER.test(message)) return `${message}: ${REMEDIES.ETIMEDOUT}`
  // The codes of the system are words, and those of PostgreSQL have five characters.
  if (code === undefined || !/^(E(?!RR_)[A-Z_]+|[0-9A-Z]{5})$/.test(code)) return undefined
  const told = message.includes(code) ? message : `${code}${message === '' ? '' : `: ${message}`}`
  const remedy = REMEDIES[code]
  return remedy === undefined ? told : `${told}; ${remedy}`
}
