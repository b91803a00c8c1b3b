import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript'
import { t } from '../helpers/t.js'

/** As long as the longest URL and the longest header block that the gateway accepts. */
const INPUT_CHARACTERS = 16_384
const CPU_MS_MAX = 2
/** The best of several rounds, because other processes slow single rounds down. */
const ROUNDS = 5

interface Pattern {
  readonly file: string
  readonly pattern: RegExp
}

/** Every regular expression literal below a folder. */
function patternsOf(folder: string): Pattern[] {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'))
  return files.flatMap((name) => {
    const found: Pattern[] = []
    const source = ts.createSourceFile(name, readFileSync(join(folder, name), 'utf8'), ts.ScriptTarget.Latest)
    const visit = (node: ts.Node) => {
      if (ts.isRegularExpressionLiteral(node)) {
        const [, body = '', flags = ''] = /^\/(.*)\/(\w*)$/s.exec(node.text) ?? []
        found.push({ file: `${folder}/${name}`, pattern: new RegExp(body, flags.replace('y', '')) })
      }
      ts.forEachChild(node, visit)
    }
    visit(source)
    return found
  })
}

/** Texts that make a pattern start at many places: each of its literals and single characters, repeated. */
function inputsFor({ source }: RegExp): string[] {
  const plain = source
    .replace(/\\[dwsbDWSB]|\(\?[:=!<]+|\[[^\]]*\]|\{[\d,]+\}|[()^$|?*+.]/g, '\0')
    .replace(/\\(.)/g, '$1')
  const literals = plain.split('\0').filter((text) => text !== '')
  const seeds = new Set([
    ...literals,
    `${literals.join('')}a`,
    'a',
    '0',
    '-',
    '_',
    ' ',
    '.',
    '/',
    '%',
    '"',
    ',',
    ';',
    '=',
    '\\',
  ])
  return [...seeds].flatMap((seed) => [
    seed.repeat(Math.ceil(INPUT_CHARACTERS / seed.length)),
    `${`${seed}a`.repeat(Math.ceil(INPUT_CHARACTERS / (seed.length + 1)))}\n`,
  ])
}

/** The CPU time of a search, in milliseconds. */
function costOf(pattern: RegExp, text: string): number {
  const costs = Array.from({ length: ROUNDS }, () => {
    const before = process.cpuUsage()
    text.replace(pattern, 'x')
    const { user, system } = process.cpuUsage(before)
    return (user + system) / 1000
  })
  return Math.min(...costs)
}

/** The slowest input of a pattern. */
function worstOf(pattern: RegExp): { cost: number; input: string } {
  const costs = inputsFor(pattern).map((input) => ({ cost: costOf(pattern, input), input: input.slice(0, 20) }))
  return costs.reduce((worst, each) => (each.cost > worst.cost ? each : worst))
}

t.test('the guard finds a pattern that reads a text again from each of its starts', async (t) => {
  t.ok(worstOf(/eyJ[A-Za-z0-9_-]{8,}\./).cost > CPU_MS_MAX)
})

// Attack: the client sends a URL or a header for which a pattern takes seconds (ReDoS), so that one client stops all others.
t.test('no pattern costs more than 2 ms of CPU for 16 KiB of its own literals', async (t) => {
  const patterns = patternsOf('src')
  t.ok(patterns.length > 50, `${patterns.length} patterns`)
  for (const { file, pattern } of patterns) {
    const { cost, input } = worstOf(pattern)
    t.ok(cost <= CPU_MS_MAX, `${file}: ${pattern} costs ${cost.toFixed(1)} ms for ${JSON.stringify(input)}`)
  }
})
