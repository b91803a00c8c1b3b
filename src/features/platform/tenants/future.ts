import { invalidField } from '../../../kernel/problems/validation.js'
import type { Clock } from '../../../kernel/time/clock.js'

const CENTURY_MS = 100 * 366 * 86_400_000

/** @throws Problem `validation_failed` for a time that is over or more than a century ahead */
export function checkFuture(instant: string, pointer: string, clock: Clock): void {
  const at_ms = Date.parse(instant)
  if (at_ms > clock() && at_ms < clock() + CENTURY_MS) return
  throw invalidField(pointer, 'must be in the future, and within a century')
}
