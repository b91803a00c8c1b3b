interface Node<T> {
  readonly literals: Map<string, Node<T>>
  name: Node<T> | undefined
  /** Matches all segments below, and a trailing slash. */
  rest: T | undefined
  end: T | undefined
}

/** Finds the most specific template that matches a path. */
export type Matcher<T> = (path: string) => T | undefined

/**
 * Makes a matcher. Any two templates must be disjoint, or one must be more specific (see `relationOf`).
 *
 * It first compares without case and without a trailing slash, and then exactly. So if `/admin` is declared, `/ADMIN/` matches
 * no route. It must not match `/:id` and reach an upstream that treats it as `/admin`.
 */
export function openMatcher<T extends { readonly url: string }>(each: readonly T[]): Matcher<T> {
  const root = newNode<T>()
  for (const item of each) add(root, item)
  return (path) => {
    const parts = path.toLowerCase().split('/')
    const has_slash = parts.at(-1) === ''
    if (has_slash) parts.pop()
    const found = find(root, parts, 1)
    return found !== undefined && fits(found.url, path, has_slash) ? found : undefined
  }
}

function newNode<T>(): Node<T> {
  return { literals: new Map(), name: undefined, rest: undefined, end: undefined }
}

function add<T extends { readonly url: string }>(root: Node<T>, item: T): void {
  let node = root
  for (const part of item.url.toLowerCase().split('/').slice(1)) {
    if (part === '') continue
    if (part === '*') {
      node.rest = item
      return
    }
    const next = part.startsWith(':') ? (node.name ?? newNode<T>()) : (node.literals.get(part) ?? newNode<T>())
    if (part.startsWith(':')) node.name = next
    else node.literals.set(part, next)
    node = next
  }
  node.end = item
}

/** Tries a literal, then a name, then the rest, with backtracking. The depth is bounded by the longest template. */
function find<T>(node: Node<T>, parts: readonly string[], position: number): T | undefined {
  const part = parts[position]
  if (part === undefined) return node.end ?? node.rest
  const literal = node.literals.get(part)
  const by_literal = literal === undefined ? undefined : find(literal, parts, position + 1)
  if (by_literal !== undefined) return by_literal
  const by_name = node.name === undefined ? undefined : find(node.name, parts, position + 1)
  return by_name ?? node.rest
}

/** Checks whether a path matches a template exactly, with case and trailing slash. */
function fits(template: string, path: string, has_slash: boolean): boolean {
  const parts = path.split('/')
  const wanted = template.split('/')
  const has_rest = wanted.at(-1) === '*'
  if (!has_rest && (wanted.at(-1) === '') !== has_slash) return false
  if (has_rest && parts.length < wanted.length) return false
  return wanted.every((part, position) => part === '*' || part.startsWith(':') || part === parts[position])
}
