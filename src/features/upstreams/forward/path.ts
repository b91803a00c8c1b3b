import { Problem } from '../../../kernel/problems/problems.js'
import { isDecodable } from '../../../kernel/rest/urls.js'
import type { EncodedCharacter } from '../manifest/manifest.js'

/** The characters whose encoding a route can allow, by their code in hexadecimal. */
const OPTIONAL: Readonly<Record<string, EncodedCharacter>> = { '25': '%', '2f': '/', '3b': ';' }

/** The target of a request, byte for byte: the path, and the query with its question mark or an empty text. */
export interface Target {
  readonly path: string
  readonly query: string
  /** What the path encodes although servers differ in how they read it. Only a route that allows it accepts the path. */
  readonly encoded: readonly EncodedCharacter[]
}

/** `/`, and then the characters that are unambiguous in a segment (RFC 3986 section 3.3): no `;`, no `\`, no `//`. */
const PLAIN_PATH = /^(?:\/|(?:\/(?:[A-Za-z0-9._~!$&'()*+,=:@-]|%[0-9A-Fa-f]{2})+)+\/?)$/
export const DOT_SEGMENT = /\/\.{1,2}(?:\/|$)/
/**
 * Encoded control characters, `.`, `\`, DEL, and encoded letters, digits and marks that need no encoding.
 * A server that decodes them, once or twice, sees another path than a server that does not.
 */
const TELLING_ENCODING = /%(?:[01][0-9a-f]|2[de]|3[0-9]|4[1-9a-f]|5[0-9acf]|6[1-9a-f]|7[0-9aef])/i
const PLAIN_QUERY = /^(?:\?[\x21\x22\x24-\x7e]*)?$/

/**
 * Splits the target of a request. It refuses an ambiguous target: the authorised path must be the served path (CWE-22,
 * CWE-436). It does not normalise, because the upstream would then receive a path that the client did not send. HTTP requests
 * and WebSocket handshakes both use it.
 *
 * @throws Problem `ambiguous_path`
 */
export function targetOf(url: string): Target {
  const mark = url.indexOf('?')
  const path = mark < 0 ? url : url.slice(0, mark)
  const query = mark < 0 ? '' : url.slice(mark)
  const is_plain =
    PLAIN_PATH.test(path) &&
    !DOT_SEGMENT.test(path) &&
    !TELLING_ENCODING.test(path) &&
    // Servers differ in how they read invalid UTF-8.
    isDecodable(path) &&
    PLAIN_QUERY.test(query)
  if (!is_plain) throw new Problem('ambiguous_path')
  const encoded = [...path.matchAll(/%(25|2f|3b)/gi)].map(([, code = '']) => OPTIONAL[code.toLowerCase()] ?? '%')
  return { path, query, encoded }
}
