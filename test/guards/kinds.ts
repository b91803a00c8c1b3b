import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript'
import { ACTOR_KINDS, AUTHOR_KINDS } from '../../src/contract/kinds.js'

const KINDS: ReadonlySet<string> = new Set([...ACTOR_KINDS, ...AUTHOR_KINDS])
const COMPARISONS: ReadonlySet<ts.SyntaxKind> = new Set([
  ts.SyntaxKind.EqualsEqualsEqualsToken,
  ts.SyntaxKind.ExclamationEqualsEqualsToken,
])

/**
 * The places of a file that decide by the kind of a principal, an actor or an author, and that still compile after a
 * new kind is added: a comparison, or a `switch` whose default is not `unreachable`. The kind of an access is not one
 * of these kinds.
 */
export function openDecisions(file: string, text: string): string[] {
  const source = ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true)
  const found: string[] = []
  const visit = (node: ts.Node): void => {
    if (isComparison(node) || isOpenSwitch(node)) {
      const { line } = source.getLineAndCharacterOfPosition(node.getStart())
      found.push(`${file}:${line + 1} ${node.getText().split('\n')[0]}`)
    }
    ts.forEachChild(node, visit)
  }
  visit(source)
  return found
}

/** The same for every file below a folder. */
export function openDecisionsBelow(root: string): string[] {
  const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'))
  return files.flatMap((name) => openDecisions(name, readFileSync(join(root, name), 'utf8')))
}

function isComparison(node: ts.Node): boolean {
  if (!ts.isBinaryExpression(node) || !COMPARISONS.has(node.operatorToken.kind)) return false
  const { left, right } = node
  return (isKind(left) && isKindName(right)) || (isKind(right) && isKindName(left))
}

function isOpenSwitch(node: ts.Node): boolean {
  if (!ts.isSwitchStatement(node) || !isKind(node.expression)) return false
  const { clauses } = node.caseBlock
  if (!clauses.some((clause) => ts.isCaseClause(clause) && isKindName(clause.expression))) return false
  return !clauses.some((clause) => ts.isDefaultClause(clause) && /^\s*return unreachable\(/.test(bodyOf(clause)))
}

function bodyOf({ statements }: ts.DefaultClause): string {
  return statements.map((statement) => statement.getText()).join('\n')
}

/** An expression that names a kind, such as `principal.kind`, `kind` or `row.author_kind`; but not `access.kind`. */
function isKind(node: ts.Expression): boolean {
  if (ts.isIdentifier(node)) return /(^|_)kind$/.test(node.text)
  return (
    ts.isPropertyAccessExpression(node) &&
    isKind(node.name as ts.Identifier) &&
    !/\baccess$/.test(node.expression.getText())
  )
}

function isKindName(node: ts.Expression): boolean {
  return ts.isStringLiteral(node) && KINDS.has(node.text)
}
