import type { FastifyRequest } from 'fastify'

/** Logs and counts the response of a request: its status, and its duration in milliseconds. Later calls for the same request do nothing. */
export type Observe = (request: FastifyRequest, status: number, duration_ms?: number) => void
