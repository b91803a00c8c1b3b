import type { IncomingHttpHeaders } from 'node:http'
import { visit } from 'jsonc-parser'
import { parse as secureParse } from 'secure-json-parse'
import { Problem } from '../problems/problems.js'
import { escapePointer, type FieldError, validationFailed } from '../problems/validation.js'

export const JSON_DEPTH_MAX = 32

/**
 * Parses a JSON body and refuses ambiguous ones.
 *
 * JSON.parse checks the syntax. In addition: nesting is bounded, because deep values overflow recursive code. A name may
 * occur once in an object, because parsers differ in which value they keep (RFC 8259 section 4). A double must
 * hold each number exactly. `__proto__` is refused. Strings and names must not hold NUL or lone surrogates: they are JSON, but
 * PostgreSQL cannot store them.
 *
 * @throws Problem `malformed_json`, `validation_failed`
 */
export function parseJsonBody(text: string): unknown {
  checkStructure(text)
  let value: unknown
  try {
    value = secureParse(text, null, { protoAction: 'error', constructorAction: 'error' })
  } catch {
    // The message of the parser quotes the body, and the body may hold a password.
    throw refused('The body is not valid JSON.')
  }
  checkValues(value)
  return value
}

/** Request bodies must not be compressed. @throws Problem `unsupported_media_type` */
export function checkEncoding(request: { readonly headers: IncomingHttpHeaders }): void {
  const encoding = request.headers['content-encoding']
  if (encoding === undefined || encoding.toLowerCase() === 'identity') return
  throw new Problem('unsupported_media_type', { detail: 'Send the body without Content-Encoding.' })
}

function checkStructure(text: string): void {
  const names: (Set<string> | undefined)[] = []
  const enter = (names_of_object: Set<string> | undefined) => {
    names.push(names_of_object)
    if (names.length > JSON_DEPTH_MAX) throw refused(`The body is nested more than ${JSON_DEPTH_MAX} levels deep.`)
  }
  visit(text, {
    onObjectBegin: () => enter(new Set()),
    onObjectEnd: () => void names.pop(),
    onArrayBegin: () => enter(undefined),
    onArrayEnd: () => void names.pop(),
    onObjectProperty: (name) => {
      if (names.at(-1)?.has(name)) throw refused('An object has the same name twice.')
      names.at(-1)?.add(name)
    },
    onError: () => {
      throw refused('The body is not valid JSON.')
    },
  })
}

function checkValues(value: unknown): void {
  let is_storable = true
  const check = (item: unknown): void => {
    if (typeof item === 'string') is_storable &&= isStorable(item)
    else if (typeof item === 'number') checkNumber(item)
    else if (Array.isArray(item)) item.forEach(check)
    else if (typeof item === 'object' && item !== null) {
      for (const [name, member] of Object.entries(item)) {
        is_storable &&= isStorable(name)
        check(member)
      }
    }
  }
  check(value)
  if (is_storable) return
  // A pointer is built only for the refusal, and only for the first text: a body can contain many.
  const { value: error } = unstorable(value, '').next() as IteratorYieldResult<FieldError>
  throw validationFailed([error])
}

/** Finds the texts that PostgreSQL cannot store. A name with such text is reported at its object: a pointer would repeat it. */
function* unstorable(value: unknown, pointer: string): Generator<FieldError> {
  if (typeof value === 'string' && !isStorable(value)) yield { pointer, message: UNSTORABLE }
  if (typeof value !== 'object' || value === null) return
  for (const [name, member] of Object.entries(value)) {
    if (isStorable(name)) yield* unstorable(member, `${pointer}/${escapePointer(name)}`)
    else yield { pointer, message: `a name ${UNSTORABLE}` }
  }
}

// Removes a byte order mark, as RFC 8259 section 8.1 allows: some programs, such as PowerShell, write one.
const utf8 = new TextDecoder('utf-8', { fatal: true })

/**
 * Decodes the bytes of a body. It refuses invalid UTF-8, because a decoder would replace such bytes with other text.
 * @throws Problem `malformed_json`
 */
export function decodeUtf8(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes)
  } catch {
    throw refused('The body is not UTF-8.')
  }
}

export const UNSTORABLE = 'must not contain NUL or a lone surrogate'

/** Checks that PostgreSQL can store a text: no NUL, no lone surrogate. */
export function isStorable(text: string): boolean {
  return !text.includes('\u0000') && text.isWellFormed()
}

function checkNumber(number: number): void {
  if (!Number.isFinite(number)) throw refused('A number is too large for a double.')
  if (Number.isInteger(number) && !Number.isSafeInteger(number)) {
    throw refused('An integer is beyond 2^53 and would be rounded. Send it as a string.')
  }
}

function refused(detail: string): Problem {
  return new Problem('malformed_json', { detail })
}
