import { AVAILABILITY_PROBLEMS } from './availability.js'
import { CALLER_PROBLEMS } from './callers.js'
import { REQUEST_PROBLEMS } from './requests.js'
import { STATE_PROBLEMS } from './states.js'

/** Every problem that the gateway can answer with, by its code (RFC 9457). */
export const PROBLEMS = {
  ...REQUEST_PROBLEMS,
  ...CALLER_PROBLEMS,
  ...STATE_PROBLEMS,
  ...AVAILABILITY_PROBLEMS,
} as const

export type ProblemCode = keyof typeof PROBLEMS
