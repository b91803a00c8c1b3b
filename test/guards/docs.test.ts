import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { HOOKS, LIFECYCLE } from '../../src/app/lifecycle.js'
import { TABLE } from '../../src/app/pipeline/index.js'
import { CLOSE_CODES } from '../../src/contract/close-codes.js'
import { MESSAGE_CHANGES } from '../../src/contract/stream-frames.js'
import { STREAM_DESCRIPTION } from '../../src/features/conversations/stream/wire.js'
import { BUDGETS, CONNECTION_LIMITS } from '../../src/kernel/limits/budgets.js'
import { SYSTEM_ROLES } from '../../src/kernel/permissions/roles.js'
import { BLOCKS, blocksRunAs, environmentOf, PAGES } from '../helpers/docs.js'
import { t } from '../helpers/t.js'

/** The language of the blocks of an environment, and the test that runs them. */
const ENVIRONMENTS: Readonly<Record<string, { readonly language: string; readonly test: string }>> = {
  demo: { language: 'sh', test: 'test/process/docs.test.ts' },
  start: { language: 'sh', test: 'test/process/docs.test.ts' },
  test: { language: 'sh', test: 'test/process/npm-test.test.ts' },
  secrets: { language: 'sh', test: 'test/process/docs.test.ts' },
  recipe: { language: 'sh', test: 'test/process/docs.test.ts' },
  production: { language: 'sh', test: 'test/process/production.test.ts' },
  backup: { language: 'sh', test: 'test/process/production.test.ts' },
  'first-tenant': { language: 'sh', test: 'test/process/production.test.ts' },
  training: { language: 'sh', test: 'test/process/upstream-demo.test.ts' },
  browser: { language: 'js', test: 'test/browser/realtime.test.ts' },
  verifier: { language: 'js', test: 'test/features/upstreams/manifest/docs.test.ts' },
}
/** Languages of blocks that show a response or a file. A test compares them with the output of the block before them. */
const SHOWN = new Set(['json', 'yaml', 'text'])
const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: Readonly<Record<string, string>> }

t.test('each block of each page is run by a test, quoted from a file, or names why it is not run', async (t) => {
  t.ok(BLOCKS.length > 40, `${BLOCKS.length} blocks`)
  for (const block of BLOCKS) {
    const { page, line, language, marker } = block
    const where = `${page}:${line}`
    const environment = environmentOf(block)
    if (environment !== undefined) t.equal(ENVIRONMENTS[environment]?.language, language, `${where}: ${environment}`)
    else if (marker === undefined) t.ok(SHOWN.has(language), `${where}: a ${language || 'plain'} block needs a marker`)
  }
  for (const [environment, { test }] of Object.entries(ENVIRONMENTS)) {
    t.ok(blocksRunAs(environment).length > 0, `${environment} has blocks`)
    const runs = environment === 'demo' ? 'DEMO' : `blocksRunAs('${environment}')`
    t.ok(readFileSync(test, 'utf8').includes(runs), `${test} runs ${environment}`)
  }
})

t.test('a shell block that no test runs has valid syntax', async (t) => {
  for (const { page, line, language, text, marker } of BLOCKS) {
    if (marker?.kind !== 'not run' || language !== 'sh') continue
    const { status, stderr } = spawnSync('sh', ['-n', '-c', text], { encoding: 'utf8' })
    t.equal(status, 0, `${page}:${line}: ${stderr}`)
  }
})

t.test('a quoted block is in its file, line by line', async (t) => {
  for (const { page, line, text, marker } of BLOCKS) {
    if (marker?.kind !== 'from') continue
    t.ok(withoutIndent(readFileSync(marker.file, 'utf8')).includes(withoutIndent(text)), `${page}:${line}`)
  }
})

t.test('each relative link of each page has a target', async (t) => {
  const pages = new Map(PAGES.map((page) => [page.path, page]))
  let count = 0
  for (const { path, text } of PAGES) {
    for (const [, link = ''] of withoutBlocks(text).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(link)) continue
      const [file = '', fragment] = link.split('#')
      const target = file === '' ? path : normalize(join(dirname(path), file))
      count += 1
      t.ok(existsSync(target), `${path}: ${link}`)
      if (fragment !== undefined) t.ok(pages.get(target)?.anchors.has(fragment), `${path}: ${link}`)
    }
  }
  t.ok(count > 20, `${count} links`)
})

t.test('each path that a page names exists', async (t) => {
  let count = 0
  for (const { path, text } of PAGES) {
    if (path === 'CHANGELOG.md') continue
    const named = /`((?:src|test|scripts|migrations|docs)\/[\w./{},*-]*)`/g
    for (const [, name = ''] of withoutBlocks(text).matchAll(named)) {
      for (const each of alternatives(name)) {
        count += 1
        t.ok(existsSync(each), `${path}: ${each}`)
      }
    }
  }
  t.ok(count > 20, `${count} paths`)
})

t.test('each npm command that a page names exists', async (t) => {
  for (const { path, text } of PAGES) {
    for (const [, name = ''] of text.matchAll(/npm run (?:--silent |-s )?([a-z]+(?::[a-z]+)?)/g)) {
      t.ok(name in scripts, `${path}: npm run ${name}`)
    }
  }
})

t.test('npm run help has one line for each command, and for no other', async (t) => {
  const { status, stdout } = spawnSync(process.execPath, ['scripts/help.mjs'], { encoding: 'utf8' })
  t.equal(status, 0)
  const lines = [...stdout.matchAll(/^ {2}npm (?:run )?([a-z:]+) {2,}\S.*$/gm)].map(([, name]) => name as string)
  const commands = Object.keys(scripts).filter((name) => !name.startsWith('pre'))
  t.same(lines.sort(), commands.sort())
})

t.test('the README is short, and its links lead to every other page', async (t) => {
  const lines = readFileSync('README.md', 'utf8').split('\n').length
  t.ok(lines <= 200, `${lines} lines`)
  const pages = new Map(PAGES.map((page) => [page.path, page]))
  const reached = new Set<string>()
  const follow = (path: string) => {
    const page = pages.get(path)
    if (page === undefined || reached.has(path)) return
    reached.add(path)
    for (const [, link = ''] of page.text.matchAll(/\]\(([^)\s#]+)/g)) follow(normalize(join(dirname(path), link)))
  }
  follow('README.md')
  t.same(
    PAGES.map(({ path }) => path).filter((path) => !reached.has(path)),
    [],
  )
})

t.test('the tables of the configuration name every variable, its default, and no other variable', async (t) => {
  const documented = documentedVariables('docs/operations.md')
  const read = [...readFileSync('src/kernel/config/env.ts', 'utf8').matchAll(/^ {2}([A-Z_]+): (Type\.[^\n]*)/gm)]
  const budgets = Object.values(BUDGETS)
  const names = [...read.map(([, name]) => name as string), ...budgets.map(({ variable }) => variable)]
  t.ok(names.length > 15)
  t.same([...documented.keys()].sort(), names.sort())
  for (const { variable, quota, window_seconds } of budgets) {
    t.equal(documented.get(variable), `\`${quota}/${window_seconds}\``)
  }
  for (const [, name, type] of read) {
    const [, text, limit, number] =
      /default: (?:'([^']*)'|CONNECTION_LIMITS\.(\w+)\.count|(\w+))/.exec(type as string) ?? []
    const count = limit && CONNECTION_LIMITS[limit as keyof typeof CONNECTION_LIMITS].count
    const fallback = text ?? count ?? number
    if (fallback !== undefined) t.equal(documented.get(name as string), `\`${fallback}\``, `default of ${name}`)
  }
})

t.test('each variable of the development page is read by a script, a test or the bench', async (t) => {
  const code = ['scripts', 'test', 'src'].flatMap(sources).join('\n')
  const names = [...documentedVariables('docs/contributing.md').keys()]
  t.ok(names.length > 0)
  for (const name of names) t.ok(code.includes(name), name)
})

t.test('the lifecycle in architecture.md has the stages of the gateway, in their order', async (t) => {
  const expected = HOOKS.flatMap((hook) =>
    LIFECYCLE.filter(({ hooks }) => hook in hooks).map(({ name, hooks }) => [hook, name, hooks[hook]]),
  )
  const rows = readFileSync('docs/architecture.md', 'utf8').matchAll(/^\| ([\w ]+) \| `(\w+)` \| (.*) \|$/gm)
  const documented = [...rows]
    .map(([, ...cells]) => cells)
    .filter(([hook]) => (HOOKS as readonly string[]).includes(hook ?? ''))
  t.ok(expected.length > 0)
  t.same(documented, expected)
})

t.test('the table in architecture.md has the rows of the pipeline, in their order', async (t) => {
  const names = [...readFileSync('src/app/pipeline/index.ts', 'utf8').matchAll(/\b(?:step|rule): (\w+), +refuses:/g)]
  const columns = ['open', 'user', 'member', 'tenant', 'ticket', 'operator', 'unrouted'] as const
  const expected = TABLE.map((row, position) => [
    names[position]?.[1],
    columns.filter((column) => row.columns.includes(column)),
    row.refuses,
  ])
  const rows = readFileSync('docs/architecture.md', 'utf8').matchAll(
    /^\| \*?`(\w+)`\*?: [^|]*\|((?: x? ?\|){7})(.*)\|$/gm,
  )
  const documented = [...rows].map(([, name, marks = '', codes = '']) => [
    name,
    columns.filter((_, position) => marks.split('|')[position]?.trim() === 'x'),
    [...codes.matchAll(/`(\w+)`/g)].map(([, code]) => code),
  ])
  t.equal(names.length, TABLE.length)
  t.same(documented, expected)
})

t.test('the pages and the contract list each frame and each close code of a stream', async (t) => {
  const named = readFileSync('src/contract/stream-frames.ts', 'utf8').matchAll(/readonly type: '(\w+)'/g)
  const frames = new Set([...MESSAGE_CHANGES, ...[...named].map(([, type = '']) => type)])
  t.ok(frames.size > 8, `${frames.size} frames`)
  for (const text of [readFileSync('docs/conversations.md', 'utf8'), STREAM_DESCRIPTION]) {
    for (const type of frames) t.match(text, new RegExp(`\`${type}\`|"type":"${type}"`))
    // Codes below 4000 belong to the WebSocket protocol. The gateway closes a stream with only some of them.
    for (const code of Object.values(CLOSE_CODES)) if (code >= 4000) t.match(text, String(code))
  }
})

t.test('the messages in the table of symptoms are those of the code', async (t) => {
  const page = readFileSync('docs/operations.md', 'utf8')
  const section = page.slice(page.indexOf('\n## When something goes wrong'), page.indexOf('\n## Known limits'))
  const code = sources('src').join('\n')
  // `...` is the part of a message that varies.
  const parts = [...section.matchAll(/^\| `([^`]+)` .*\|/gm)].flatMap(([, message = '']) => message.split('...'))
  t.ok(parts.length > 6, `${parts.length} parts`)
  for (const part of parts) t.ok(code.includes(part.trim()), part)
})

t.test('the table of the roles lists the scopes of each system role', async (t) => {
  const rows = readFileSync('docs/api-guide.md', 'utf8').matchAll(/^\| ([A-Z][A-Za-z ]+) \| (.*) \|$/gm)
  const documented = new Map([...rows].map(([, name = '', scopes = '']) => [name, scopes]))
  for (const { name, scopes } of Object.values(SYSTEM_ROLES)) {
    const text = documented.get(name) ?? ''
    const listed = [...text.matchAll(/`([a-z]+:[a-z]+)`/g)].map(([, scope]) => scope as string)
    if (Array.isArray(scopes)) t.same(listed, scopes, name)
    else t.match(text, /^all scopes/, name)
  }
})

t.test('the table of the metrics names every metric, and no other', async (t) => {
  const exported = sources('src')
    .filter((code) => code.includes("from 'prom-client'"))
    .flatMap((code) => [...code.matchAll(/'(gatehouse_\w+)'/g)].map(([, name]) => name as string))
  const page = readFileSync('docs/operations.md', 'utf8')
  const documented = [...page.matchAll(/^\| `(gatehouse_\w+)`/gm)].map(([, name]) => name as string)
  t.ok(exported.length > 10)
  t.same(documented.sort(), [...new Set(exported)].sort())
})

t.test('each script of scripts/curl is run by a page', async (t) => {
  const run = BLOCKS.map(({ text }) => text).join('\n')
  for (const name of readdirSync('scripts/curl')) {
    if (name !== 'common.sh') t.ok(run.includes(`sh scripts/curl/${name}`), name)
  }
})

/** The text of every TypeScript and JavaScript file below a folder. */
function sources(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\.(ts|mjs)$/.test(name))
    .map((name) => readFileSync(join(folder, name), 'utf8'))
}

/** The first two columns of the rows that begin with a variable. */
function documentedVariables(path: string): ReadonlyMap<string, string> {
  const rows = readFileSync(path, 'utf8').matchAll(/^\| `([A-Z_]+)` \|([^|]*)\|/gm)
  return new Map([...rows].map(([, name = '', fallback = '']) => [name, fallback.trim()]))
}

function withoutBlocks(text: string): string {
  return text.replaceAll(/^ *```[\s\S]*?^ *```/gm, '')
}

function withoutIndent(text: string): string {
  return text.replaceAll(/^\s+/gm, '')
}

/** `a/{b,c}` as `a/b` and `a/c`; of a path with `*`, the folder before it. */
function alternatives(path: string): string[] {
  const [, before = '', list, after = ''] = /^([^{]*)\{([^}]*)\}(.*)$/.exec(path) ?? []
  if (list !== undefined) return list.split(',').flatMap((each) => alternatives(`${before}${each}${after}`))
  return [path.includes('*') ? path.slice(0, path.indexOf('*')) : path]
}
