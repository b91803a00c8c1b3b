import { hash } from 'node:crypto'

const names = new Map<string, string>()
/** Each named statement costs memory on every connection; texts beyond this many are sent unnamed. */
const NAMES_MAX = 500

/**
 * A name under which a connection keeps the plan of a statement. The same text always has the same name.
 * Undefined when there are too many: the statement is then planned each time.
 */
export function statementName(text: string): string | undefined {
  const known = names.get(text)
  if (known !== undefined) return known
  if (names.size >= NAMES_MAX) return undefined
  const name = `s_${hash('sha256', text).slice(0, 24)}`
  names.set(text, name)
  return name
}
