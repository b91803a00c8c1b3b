import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript'

/** A source file, by its path from the root of the project. */
export interface Source {
  readonly file: string
  readonly text: string
}

/** Every TypeScript file of these folders. */
export function sourcesOf(folders: readonly string[]): Source[] {
  return folders.flatMap((folder) =>
    readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .map((name) => ({ file: join(folder, name), text: readFileSync(join(folder, name), 'utf8') })),
  )
}

/** The files that use this name as a value. Type imports and comments do not count. */
export function filesThatUse(name: string, sources: readonly Source[]): string[] {
  return sources
    .filter(({ text }) => text.includes(name))
    .filter(({ file, text }) => usesAsValue(name, ts.createSourceFile(file, text, ts.ScriptTarget.ES2023)))
    .map(({ file }) => file)
    .sort()
}

function usesAsValue(name: string, node: ts.Node): boolean {
  if (ts.isTypeNode(node) || ts.isInterfaceDeclaration(node) || ts.isTypeAliasDeclaration(node)) return false
  if (ts.isImportSpecifier(node) && node.isTypeOnly) return false
  if (ts.isImportClause(node) && node.phaseModifier === ts.SyntaxKind.TypeKeyword) return false
  if (ts.isIdentifier(node) && node.text === name) return true
  return ts.forEachChild(node, (child) => usesAsValue(name, child) || undefined) ?? false
}
