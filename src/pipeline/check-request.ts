import { Problem } from '../http/problems.js'
import type { Step } from './gate.js'

const HEADER_LINES_MAX = 100
/** Headers that say who calls. Two of them would let two parts of a system see two different callers. */
const SINGLE_HEADERS: ReadonlySet<string> = new Set(['authorization', 'host', 'x-tenant-id', 'x-tenant-api-key'])
/** A tenant key or refresh token by its prefix, a JWT by its first characters, or a parameter that is meant for one. */
const CREDENTIAL_IN_URL =
  /gh[kr]_[\w-]{8}|eyJ[A-Za-z0-9_-]{8,}\.|[?&](access_token|refresh_token|api_?key|x-tenant-api-key|password)=/i

/** Refuses what could be read in two ways, and what should never have been sent this way. */
export const checkRequest: Step = (_gate, request) => {
  const lines = request.raw.rawHeaders
  if (lines.length / 2 > HEADER_LINES_MAX) throw new Problem('headers_too_large')
  let seen = 0
  const names = new Set<string>()
  for (let position = 0; position < lines.length; position += 2) {
    const name = (lines[position] as string).toLowerCase()
    if (!SINGLE_HEADERS.has(name)) continue
    seen += 1
    names.add(name)
  }
  if (names.size !== seen) throw new Problem('duplicate_header')
  if (CREDENTIAL_IN_URL.test(request.raw.url ?? '')) throw new Problem('credentials_in_url')
}
