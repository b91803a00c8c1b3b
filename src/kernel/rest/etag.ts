import type { FastifyRequest } from 'fastify'
import { Problem } from '../problems/problems.js'

/** The strong entity tag of a version (RFC 9110 section 8.8.3). */
export function etagOf(version: number): string {
  return `"${version}"`
}

/**
 * The version that `If-Match` demands; undefined when any will do (RFC 9110 section 13.1.1).
 * @throws Problem `precondition_failed` when it can match no version: a weak tag, or none of ours.
 */
export function demandedVersions(request: FastifyRequest): readonly number[] | undefined {
  const header = request.headers['if-match']
  if (header === undefined || header.trim() === '*') return undefined
  return header
    .split(',')
    .map((tag) => /^\s*"([1-9][0-9]{0,9})"\s*$/.exec(tag)?.[1])
    .filter((version) => version !== undefined)
    .map(Number)
}

/** @throws Problem `precondition_failed` when the demand does not hold for the current version. */
export function checkVersion(demanded: readonly number[] | undefined, current: number): void {
  if (demanded !== undefined && !demanded.includes(current)) throw new Problem('precondition_failed')
}
