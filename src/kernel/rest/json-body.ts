import type { IncomingHttpHeaders } from 'node:http'
import { visit } from 'jsonc-parser'
import { parse as secureParse } from 'secure-json-parse'
import { Problem } from '../problems/problems.js'

export const JSON_DEPTH_MAX = 32

/**
 * Reads a JSON body that has one meaning only.
 *
 * JSON.parse decides about the syntax. Beyond it: nesting is bounded, for deep values break recursive code; a name
 * stands in an object once, for parsers differ in which one they take (RFC 8259 section 4); strings hold no NUL and no
 * lone surrogate, which the database cannot keep; numbers are those that a double holds exactly; and `__proto__` is
 * refused.
 *
 * @throws Problem `malformed_json`
 */
export function parseJsonBody(text: string): unknown {
  checkStructure(text)
  let value: unknown
  try {
    value = secureParse(text, null, { protoAction: 'error', constructorAction: 'error' })
  } catch {
    // The parser quotes the body in its message, and the body may hold a password.
    throw refused('The body is not valid JSON.')
  }
  checkValues(value)
  return value
}

/** A body is taken as it is; one that says that it is compressed would be read as something else than it says. */
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
      if (names.at(-1)?.has(name)) throw refused('A name stands twice in one object.')
      names.at(-1)?.add(name)
    },
    onError: () => {
      throw refused('The body is not valid JSON.')
    },
  })
}

function checkValues(value: unknown): void {
  if (typeof value === 'string') checkText(value)
  else if (typeof value === 'number') checkNumber(value)
  else if (Array.isArray(value)) value.forEach(checkValues)
  else if (typeof value === 'object' && value !== null) {
    for (const [name, item] of Object.entries(value)) {
      checkText(name)
      checkValues(item)
    }
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * The text of a body. Bytes that are no UTF-8 are refused: replaced, they would be kept as something nobody sent.
 * @throws Problem `malformed_json`
 */
export function decodeUtf8(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes)
  } catch {
    throw refused('The body is not UTF-8.')
  }
}

/** Whether text can be kept: no NUL, no lone surrogate. */
export function isStorable(text: string): boolean {
  return !text.includes('\u0000') && text.isWellFormed()
}

function checkText(text: string): void {
  if (!isStorable(text)) throw refused('A string holds NUL or a lone surrogate.')
}

function checkNumber(number: number): void {
  if (!Number.isFinite(number)) throw refused('A number is larger than a double can hold.')
  if (Number.isInteger(number) && !Number.isSafeInteger(number)) {
    throw refused('An integer is beyond 2^53 and would be rounded; send it as a string.')
  }
}

function refused(detail: string): Problem {
  return new Problem('malformed_json', { detail })
}
