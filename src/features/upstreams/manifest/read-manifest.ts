import { Errors } from 'typebox/value'
import { type Document, isMap, isNode, isPair, isScalar, LineCounter, parseDocument, visit } from 'yaml'
import { checkManifest } from './check-manifest.js'
import type { Manifest } from './manifest.js'
import { ManifestSchema, type WrittenManifest } from './manifest-schema.js'
import type { JsonPath, Mistake } from './mistake.js'

export type ReadManifest =
  | { readonly manifest: Manifest; readonly mistakes: readonly [] }
  | { readonly manifest: undefined; readonly mistakes: readonly Mistake[] }

const FILE_CHARACTERS_MAX = 262_144
/** Report at most this many mistakes. */
const MISTAKES_MAX = 20

/**
 * Reads a manifest: YAML 1.2, then its form, then what only the whole of it shows. Each stage is asked only when the
 * one before it has no complaint.
 *
 * @param readCertificates gives the text of a file of certificates; throws when there is none.
 */
export function readManifest(text: string, readCertificates: (path: string) => string): ReadManifest {
  if (text.length > FILE_CHARACTERS_MAX) {
    return refused([{ line: 1, reason: `the file has more than ${FILE_CHARACTERS_MAX} characters` }])
  }
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, version: '1.2', schema: 'core', logLevel: 'error' })
  const located = (path: JsonPath, reason: string): Mistake => ({ line: lineOf(document, lines, path), reason })

  const of_syntax = syntaxMistakes(document, lines)
  if (of_syntax.length > 0) return refused(of_syntax)
  const written: unknown = document.toJS({ maxAliasCount: 0 })
  const of_form = formMistakes(written, located)
  if (of_form.length > 0) return refused(of_form)
  const { manifest, mistakes } = checkManifest(written as WrittenManifest, readCertificates)
  return mistakes.length > 0
    ? refused(mistakes.map(({ path, reason }) => located(path, reason)))
    : { manifest, mistakes: [] }
}

function refused(mistakes: readonly Mistake[]): ReadManifest {
  const sorted = [...mistakes].sort((left, right) => left.line - right.line)
  return { manifest: undefined, mistakes: sorted.slice(0, MISTAKES_MAX) }
}

/** What is no YAML; and anchors, aliases and tags, with which a small file becomes a large one or something else. */
function syntaxMistakes(document: Document.Parsed, lines: LineCounter): Mistake[] {
  const at = (offset: number | undefined, reason: string) => ({ line: lines.linePos(offset ?? 0).line || 1, reason })
  const mistakes = [...document.errors, ...document.warnings].map(({ pos, message }) =>
    at(pos[0], message.split('\n')[0]?.replace(/ at line \d+, column \d+:?$/, '') ?? 'is no YAML'),
  )
  visit(document, {
    Alias: (_key, node) => void mistakes.push(at(node.range?.[0], 'aliases are not taken here')),
    Node: (_key, node) => {
      if (!('anchor' in node) || node.anchor === undefined) return
      mistakes.push(at(node.range?.[0], 'anchors are not taken here'))
    },
  })
  return mistakes
}

interface SchemaError {
  readonly keyword: string
  readonly instancePath: string
  readonly message: string
  readonly params: Readonly<Record<string, unknown>>
}

function formMistakes(written: unknown, located: (path: JsonPath, reason: string) => Mistake): Mistake[] {
  const errors = (Errors(ManifestSchema, written) as SchemaError[]).filter(
    ({ keyword }) => keyword !== 'additionalProperties' && keyword !== 'anyOf',
  )
  // A value with several allowed forms has an error for each form. The first one says what is wrong.
  const first = errors.filter(
    ({ instancePath }, position) => errors.findIndex((each) => each.instancePath === instancePath) === position,
  )
  return first.map((error) => located(jsonPathOf(error.instancePath), reasonOf(error)))
}

function jsonPathOf(pointer: string): JsonPath {
  const steps = pointer.split('/').slice(1)
  return steps.map((step) => {
    const name = step.replaceAll('~1', '/').replaceAll('~0', '~')
    return /^\d+$/.test(name) ? Number(name) : name
  })
}

function reasonOf({ keyword, instancePath, message, params }: SchemaError): string {
  const path = jsonPathOf(instancePath)
  const where = nameOf(path)
  if (keyword === 'boolean') return `${where} is not known here`
  if (keyword === 'required') return `${where} needs ${[params.requiredProperties].flat().join(' and ')}`
  if (keyword === 'enum') return `${where} must be one of ${(params.allowedValues as unknown[]).join(', ')}`
  if (keyword === 'pattern') return `${where} is not of the form ${PATTERNS[String(path.at(-1))] ?? params.pattern}`
  return `${where} ${message}`
}

/** What a pattern means, by the name of what has it. */
const PATTERNS: Readonly<Record<string, string>> = {
  name: 'of a name: lower-case letters, digits and hyphens',
  prefix: '/one or /one/two, in lower case',
  origin: 'http://host:port or https://host',
  path: '/parts/:names/* below the prefix',
  budget: '<requests>/<seconds>, such as 100/60',
  rewrite: '/ or /parts',
}

/** `upstreams[0].routes[2].path`, as people write it. */
function nameOf(path: JsonPath): string {
  const text = path.map((step) => (typeof step === 'number' ? `[${step}]` : `.${step}`)).join('')
  return text === '' ? 'the file' : text.replace(/^\./, '')
}

/** The line of a JSON path: that of its key if it has one, and that of its parent if it does not exist. */
function lineOf(document: Document.Parsed, lines: LineCounter, path: JsonPath): number {
  for (let length = path.length; length > 0; length -= 1) {
    const parent = document.getIn(path.slice(0, length - 1), true)
    const step = path[length - 1]
    const pair = isMap(parent)
      ? parent.items.find((item) => isPair(item) && isScalar(item.key) && String(item.key.value) === String(step))
      : undefined
    const node = pair === undefined ? document.getIn(path.slice(0, length), true) : pair.key
    if (isNode(node) && node.range) return lines.linePos(node.range[0]).line
  }
  return 1
}
