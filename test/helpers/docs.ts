import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** How a block of a page is tested: run in a named environment, quoted from a file, or not at all, for a reason. */
export type Marker =
  | { readonly kind: 'run'; readonly environment: string }
  | { readonly kind: 'from'; readonly file: string }
  | { readonly kind: 'not run'; readonly reason: string }

/** A fenced block of a page, without the indentation of a list item that it may be in. */
export interface Block {
  readonly page: string
  readonly line: number
  /** The nearest heading before the block. */
  readonly section: string
  readonly language: string
  readonly text: string
  /** The HTML comment in the line before the block; undefined if there is none. */
  readonly marker: Marker | undefined
}

export interface Page {
  readonly path: string
  readonly text: string
  readonly blocks: readonly Block[]
  /** Targets of `#fragment` links, as GitHub derives them from headings. */
  readonly anchors: ReadonlySet<string>
}

/** A `sh` block without a marker runs on the demo. */
export const DEMO = 'demo'

/** Every Markdown page of the project, sorted by path. */
export const PAGES: readonly Page[] = [
  ...readdirSync('.').filter((name) => name.endsWith('.md')),
  ...readdirSync('docs', { recursive: true })
    .map((name) => join('docs', String(name)))
    .filter((name) => name.endsWith('.md')),
]
  .sort()
  .map(readPage)

export const BLOCKS: readonly Block[] = PAGES.flatMap(({ blocks }) => blocks)

/** The environment that a block runs in; undefined if it does not run. */
export function environmentOf({ language, marker }: Block): string | undefined {
  if (marker === undefined) return language === 'sh' ? DEMO : undefined
  return marker.kind === 'run' ? marker.environment : undefined
}

/** The blocks that run in an environment, in the order of the pages. */
export function blocksRunAs(environment: string): readonly Block[] {
  return BLOCKS.filter((block) => environmentOf(block) === environment)
}

function readPage(path: string): Page {
  const text = readFileSync(path, 'utf8')
  const blocks: Block[] = []
  const anchors = new Set<string>()
  let section = ''
  let open: { line: number; indent: string; language: string; marker: Marker | undefined; lines: string[] } | undefined
  const lines = text.split('\n')
  for (const [position, line] of lines.entries()) {
    const [, indent = '', language = ''] = /^( *)```(.*)$/.exec(line) ?? []
    const is_fence = /^ *```/.test(line)
    if (open !== undefined && is_fence) {
      const { lines: body, ...rest } = open
      blocks.push({ page: path, section, ...rest, text: body.join('\n').trim() })
      open = undefined
    } else if (open !== undefined) {
      open.lines.push(line.startsWith(open.indent) ? line.slice(open.indent.length) : line)
    } else if (is_fence) {
      open = { line: position + 1, indent, language, marker: markerOf(lines[position - 1]), lines: [] }
    } else {
      const heading = /^#+ (.*)$/.exec(line)?.[1]
      if (heading === undefined) continue
      section = heading
      anchors.add(uniqueAnchor(anchors, heading))
    }
  }
  if (open !== undefined) throw new Error(`${path}:${open.line}: the block has no end`)
  return { path, text, blocks, anchors }
}

function markerOf(line = ''): Marker | undefined {
  const [, kind, value = ''] = /^ *<!-- (run|from|not run): (\S.*) -->$/.exec(line) ?? []
  if (kind === 'run') return { kind, environment: value }
  if (kind === 'from') return { kind, file: value }
  if (kind === 'not run') return { kind, reason: value }
  return undefined
}

function uniqueAnchor(taken: ReadonlySet<string>, heading: string): string {
  const slug = heading
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
    .replaceAll(' ', '-')
  let anchor = slug
  for (let number = 1; taken.has(anchor); number += 1) anchor = `${slug}-${number}`
  return anchor
}
