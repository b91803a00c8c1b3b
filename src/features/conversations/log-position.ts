import type { LogPosition } from '../../kernel/live/conversation-log.js'
import { invalidField } from '../../kernel/problems/validation.js'

/** A seq or a change number in a URL: digits, at most a value that the column can hold. */
export const LOG_NUMBER = /^(0|[1-9][0-9]{0,8})$/

/**
 * Returns where a query continues; undefined if it says nothing about it.
 * @throws Problem `validation_failed` if the query names two positions
 */
export function logPositionOf(query: {
  readonly after?: string
  readonly changed_after?: string
}): LogPosition | undefined {
  const { after, changed_after } = query
  if (changed_after === undefined) return after === undefined ? undefined : { seq: Number(after) }
  if (after === undefined) return { change: Number(changed_after) }
  throw invalidField('/changed_after', 'must not be sent with after: both say where to continue')
}
