import type { FastifyRequest } from 'fastify'
import { Problem } from '../problems/problems.js'

/** The strong entity tag of a version (RFC 9110 section 8.8.3). */
export function etagOf(version: number): string {
  return `"${version}"`
}

/**
 * The versions that `If-Match` names (RFC 9110 section 13.1.1). Undefined without the header and for `*`: any version
 * will do. Tags that are weak or not ours match no version, so they are left out.
 */
export function ifMatchVersions(request: FastifyRequest): readonly number[] | undefined {
  const header = request.headers['if-match']
  if (header === undefined || header.trim() === '*') return undefined
  return header
    .split(',')
    .map((tag) => /^\s*"([1-9][0-9]{0,9})"\s*$/.exec(tag)?.[1])
    .filter((version) => version !== undefined)
    .map(Number)
}

/** @throws Problem `precondition_failed` if `If-Match` names versions and the current one is not among them */
export function assertIfMatch(if_match: readonly number[] | undefined, current: number): void {
  if (if_match !== undefined && !if_match.includes(current)) throw new Problem('precondition_failed')
}
