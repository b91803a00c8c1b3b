import { Problem } from './problems.js'

/** One mistake in a request. */
export interface FieldError {
  /** Where: a JSON pointer into the body (RFC 6901), the name of a query parameter after a slash, or a header. */
  readonly pointer: string
  /** What is wrong or what is needed, without a subject: `must be in the future`. */
  readonly message: string
}

/** The 400 for these mistakes. */
export function validationFailed(errors: readonly FieldError[], cause?: unknown): Problem {
  return new Problem('validation_failed', { members: { errors }, cause })
}

/** The 400 for one mistake. */
export function invalidField(pointer: string, message: string, cause?: unknown): Problem {
  return validationFailed([{ pointer, message }], cause)
}

/** @throws Problem `validation_failed` if there is any mistake */
export function assertValid(errors: readonly FieldError[]): void {
  if (errors.length > 0) throw validationFailed(errors)
}

/** Escapes a name for a JSON pointer (RFC 6901 section 3). */
export function escapePointer(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1')
}
