/** How two templates relate: whether some path fits both, and which of them such a path belongs to. */
export type Relation = 'apart' | 'same' | 'narrower' | 'wider' | 'crossing'

const RANK = { literal: 0, name: 1, rest: 2 } as const

/**
 * Compares two templates. A path that fits both belongs to the narrower one. If each is narrower in another part
 * (`/a/:x` and `/:y/b`), the path belongs to neither. Case and a final slash make no difference: an upstream can treat
 * `/Admin/` as `/admin`, so two templates must differ by more than that.
 */
export function relationOf(left: string, right: string): Relation {
  const lefts = partsOf(left)
  const rights = partsOf(right)
  let is_narrower = false
  let is_wider = false
  for (let position = 0; ; position += 1) {
    const a = lefts[position]
    const b = rights[position]
    if (a === undefined && b === undefined) break
    const rank_a = rankOf(a)
    const rank_b = rankOf(b)
    // Where one of them ends, the other fits only if it takes whatever follows, which may be nothing.
    if ((a === undefined && rank_b !== RANK.rest) || (b === undefined && rank_a !== RANK.rest)) return 'apart'
    if (rank_a === RANK.literal && rank_b === RANK.literal && a !== b) return 'apart'
    if (rank_a < rank_b) is_narrower = true
    if (rank_a > rank_b) is_wider = true
    // Whatever follows in the other one is narrower than a rest.
    if (rank_a === RANK.rest || rank_b === RANK.rest) break
  }
  if (is_narrower && is_wider) return 'crossing'
  if (is_narrower) return 'narrower'
  return is_wider ? 'wider' : 'same'
}

/** The parts of a template, in lower case and without a slash at the end. */
function partsOf(template: string): string[] {
  return template
    .toLowerCase()
    .split('/')
    .filter((part) => part !== '')
}

/** A part that is not there is as narrow as a literal. */
function rankOf(part: string | undefined): number {
  if (part === '*') return RANK.rest
  return part?.startsWith(':') === true ? RANK.name : RANK.literal
}

/** The names of the parameters in a template. */
export function namesOf(template: string): string[] {
  return partsOf(template)
    .filter((part) => part.startsWith(':'))
    .map((part) => part.slice(1))
}
