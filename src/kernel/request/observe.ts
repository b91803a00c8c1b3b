import type { FastifyRequest } from 'fastify'

/** Logs and counts the answer of a request: its status, and its duration in milliseconds. Only the first call counts. */
export type Observe = (request: FastifyRequest, status: number, duration_ms?: number) => void
