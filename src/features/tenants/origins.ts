import { assertValid } from '../../kernel/problems/validation.js'

/**
 * Checks that each is an origin as a browser sends it (RFC 6454 section 6.2): lower case, no default port, nothing after
 * the host. Anything else would never be equal to an Origin header, and its owner would look for the reason in vain.
 *
 * @throws Problem `validation_failed`
 */
export function checkOrigins(origins: readonly string[] | undefined): void {
  const errors = (origins ?? []).flatMap((origin, position) => {
    const written = URL.canParse(origin) ? new URL(origin).origin : undefined
    if (written === origin) return []
    const hint =
      written === undefined || written === 'null'
        ? 'is not an origin'
        : `is not written as browsers send it: ${written}`
    return [{ pointer: `/allowed_origins/${position}`, message: hint }]
  })
  assertValid(errors)
}
