import { Problem } from '../../../kernel/problems/problems.js'
import { isDecodable } from '../../../kernel/rest/urls.js'

/** Where a request goes, byte by byte as it came: the path, and the query with its question mark, or nothing. */
export interface Target {
  readonly path: string
  readonly query: string
}

/** `/`, then what RFC 3986 section 3.3 lets stand in a part without meaning anything else: no `;`, no `\`, no `//`. */
const PLAIN_PATH = /^(?:\/|(?:\/(?:[A-Za-z0-9._~!$&'()*+,=:@-]|%[0-9A-Fa-f]{2})+)+\/?)$/
const DOT_SEGMENT = /\/\.{1,2}(?:\/|$)/
/**
 * Encoded: control characters, `%`, `.`, `/`, `;`, `\`, DEL, and letters, digits and marks that need no encoding at all.
 * Whoever decodes them, once or twice, sees another path than whoever does not.
 */
const TELLING_ENCODING = /%(?:[01][0-9a-f]|25|2[def]|3[0-9b]|4[1-9a-f]|5[0-9acf]|6[1-9a-f]|7[0-9aef])/i
const PLAIN_QUERY = /^(?:\?[\x21\x22\x24-\x7e]*)?$/

/**
 * Splits the target of a request, and refuses one that two servers could read in two ways: the path that is authorised
 * must be the path that is served (CWE-22, CWE-436). Nothing is normalised, for what is sent would then be a path that
 * nobody asked for. HTTP and WebSockets both come through here.
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
    // Bytes that are no UTF-8 are whatever their reader makes of them.
    isDecodable(path) &&
    PLAIN_QUERY.test(query)
  if (!is_plain) throw new Problem('ambiguous_path')
  return { path, query }
}
