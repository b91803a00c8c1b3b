import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import ts from 'typescript'

/** One import between files of `src`, also a type import or a `declare module`. The paths have no extension. */
export interface Import {
  readonly from: string
  readonly to: string
}

/** The layers, from the lowest to the highest. A file may import its own layer and lower layers. */
const FLOORS: readonly string[] = ['contract', 'kernel', 'features', 'app', 'main']

/** The page of the gateway in the browser. It uses the API, so it and the gateway must not import each other. */
const CONSOLE = 'console'

/** Which other features a feature may import. Everything else goes through the kernel. */
export const FEATURES_MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  'features/access': ['features/audit'],
  'features/conversations': ['features/customers'],
  'features/invitations': ['features/auth'],
  'features/me': ['features/auth'],
  'features/privacy': ['features/audit', 'features/conversations', 'features/customers'],
  'features/platform': ['features/keys', 'features/tenants', 'features/usage'],
}

/** Every import between the files of `src`. */
export function importsOf(root: string): Import[] {
  const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((name) => /\.tsx?$/.test(name))
  return files.flatMap((file) => {
    const { importedFiles, ambientExternalModules } = ts.preProcessFile(readFileSync(join(root, file), 'utf8'))
    const names = [...importedFiles.map(({ fileName }) => fileName), ...(ambientExternalModules ?? [])]
    return names
      .filter((name) => name.startsWith('.'))
      .map((name) => ({
        from: withoutEnding(file),
        to: withoutEnding(relative('.', join(dirname(file), name))),
      }))
  })
}

function withoutEnding(path: string): string {
  return path.replace(/\.(js|tsx?)$/, '')
}

/** The folder that a file belongs to: `kernel/rest`, `features/keys`, `app/http`; sub-folders belong to theirs. */
export function folderOf(file: string): string {
  const [floor = '', ...rest] = file.split('/')
  return rest.length > 1 ? `${floor}/${rest[0]}` : floor
}

function floorOf(file: string): number {
  return FLOORS.indexOf(file.split('/')[0] ?? '')
}

function isOfConsole(file: string): boolean {
  return file.split('/')[0] === CONSOLE
}

/** Imports of a higher layer, or of a feature that the list does not allow. */
export function forbiddenImports(imports: readonly Import[]): string[] {
  return imports.filter((each) => !isAllowed(each)).map(({ from, to }) => `${from} imports ${to}`)
}

function isAllowed({ from, to }: Import): boolean {
  if (isOfConsole(from) || isOfConsole(to)) return isOfConsole(from) && isOfConsole(to)
  if (floorOf(from) < 0 || floorOf(to) < 0 || floorOf(to) > floorOf(from)) return false
  const [source, target] = [folderOf(from), folderOf(to)]
  if (!source.startsWith('features/') || !target.startsWith('features/') || source === target) return true
  return FEATURES_MAY_IMPORT[source]?.includes(target) ?? false
}

/** The circles among these nodes: each set of two or more that can all reach each other (Tarjan, 1972). */
export function circlesOf(imports: readonly Import[], nodeOf: (file: string) => string): string[][] {
  const arrows = new Map<string, Set<string>>()
  for (const { from, to } of imports) {
    const [source, target] = [nodeOf(from), nodeOf(to)]
    if (source !== target) arrows.set(source, (arrows.get(source) ?? new Set()).add(target))
  }
  const index = new Map<string, number>()
  const low = new Map<string, number>()
  const open: string[] = []
  const circles: string[][] = []
  const visit = (node: string) => {
    index.set(node, index.size)
    low.set(node, index.size - 1)
    open.push(node)
    for (const next of arrows.get(node) ?? []) {
      if (!index.has(next)) visit(next)
      if (open.includes(next)) low.set(node, Math.min(low.get(node) as number, low.get(next) as number))
    }
    if (low.get(node) !== index.get(node)) return
    const circle = open.splice(open.indexOf(node))
    if (circle.length > 1) circles.push(circle.sort())
  }
  for (const node of arrows.keys()) if (!index.has(node)) visit(node)
  return circles
}
