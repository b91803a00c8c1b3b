import type { FastifyInstance, FastifyRequest } from 'fastify'
import { Problem } from '../problems/problems.js'
import { assertValid, escapePointer, type FieldError, validationFailed } from '../problems/validation.js'
import { checkEncoding, isStorable, UNSTORABLE } from '../rest/json-body.js'

/** More fields than any form has. */
const FIELDS_MAX = 20

/**
 * Makes the routes of a plugin take forms (`application/x-www-form-urlencoded`) and no other body. The routes of the API
 * stay as they are, because a plugin has parsers of its own. The limit of the body is that of the route.
 */
export function takeForms(app: FastifyInstance): void {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser(
    'application/x-www-form-urlencoded',
    { parseAs: 'buffer' },
    async (request: FastifyRequest, body: string | Buffer) => {
      checkEncoding(request)
      return parseForm((body as Buffer).toString('latin1'))
    },
  )
}

/**
 * Parses the body of a form, and refuses an ambiguous one: the same field twice, or text that is not UTF-8. The schema of
 * the route refuses unknown fields.
 *
 * @param text the body, one character for each byte
 * @throws Problem `malformed_request`, `validation_failed`
 */
export function parseForm(text: string): Record<string, string> {
  if (!isDecodable(text)) throw new Problem('malformed_request', { detail: 'The form is not encoded correctly.' })
  const fields = [...new URLSearchParams(text)]
  if (fields.length > FIELDS_MAX) {
    throw validationFailed([{ pointer: '', message: `must have at most ${FIELDS_MAX} fields` }])
  }
  const seen = new Set<string>()
  for (const [name, value] of fields) {
    assertValid(mistakesOf(name, value, seen.has(name)))
    seen.add(name)
  }
  return Object.fromEntries(fields)
}

/** A name that cannot be stored is reported without it. */
function mistakesOf(name: string, value: string, is_repeated: boolean): FieldError[] {
  if (!isStorable(name)) return [{ pointer: '', message: `a name ${UNSTORABLE}` }]
  const pointer = `/${escapePointer(name)}`
  if (is_repeated) return [{ pointer, message: 'must be sent once' }]
  return isStorable(value) ? [] : [{ pointer, message: UNSTORABLE }]
}

/** URLSearchParams replaces what it cannot decode, so that a password would be another one than the user typed. */
function isDecodable(text: string): boolean {
  if (/[^\x20-\x7e]/.test(text)) return false
  try {
    decodeURIComponent(text)
    return true
  } catch {
    return false
  }
}
