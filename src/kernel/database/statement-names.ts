import { hash } from 'node:crypto'

const names = new Map<string, string>()
/** Each named statement costs memory on every connection. Beyond this number, statements are sent without a name. */
const NAMES_MAX = 500

/**
 * Returns the name under which a connection keeps the plan of a statement. One text always has the same name.
 * Returns undefined when there are too many names. The server then plans the statement each time.
 */
export function statementName(text: string): string | undefined {
  const known = names.get(text)
  if (known !== undefined) return known
  if (names.size >= NAMES_MAX) return undefined
  const name = `s_${hash('sha256', text).slice(0, 24)}`
  names.set(text, name)
  return name
}
