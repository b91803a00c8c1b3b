import { pageOriginOf } from '../../kernel/config/page-origin.js'
import { assertValid } from '../../kernel/problems/validation.js'

/**
 * Checks that each value is an origin as a browser or an app sends it: lower case, no default port, and no path. Any other value would never equal an Origin header, and the tenant could not find out why.
 *
 * @throws Problem `validation_failed`
 */
export function checkOrigins(origins: readonly string[] | undefined): void {
  const errors = (origins ?? []).flatMap((origin, position) => {
    const written = pageOriginOf(origin)
    if (written === origin) return []
    const hint =
      written === undefined
        ? 'is not an origin; a wildcard is not possible'
        : `is not written as browsers send it: ${written}`
    return [{ pointer: `/allowed_origins/${position}`, message: hint }]
  })
  assertValid(errors)
}
