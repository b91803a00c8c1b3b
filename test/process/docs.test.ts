import { cpSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { generateSigningKeys } from '../../src/kernel/config/secrets.js'
import { BLOCKS, blocksRunAs, DEMO, environmentOf, PAGES } from '../helpers/docs.js'
import { t } from '../helpers/t.js'
import { demoFolder, FILE_MS_MAX, freePort, runProgram, until, WIDE, whenReady } from './gateway-process.js'
import { copyOfTheProject } from './project-copy.js'

t.setTimeout(FILE_MS_MAX)

/** Members whose value in a page must equal the value that the gateway sends. Of other members only the type must match. */
const EXACT = new Set(
  'allowed code denied_by_override detail granted_by_roles missing refused_before required status title'.split(' '),
)
const { folder: COPY, run, runInOneShell } = copyOfTheProject(t)

t.test('the two commands of the README start the demo, and the commands of each page work on it', async (t) => {
  const [start, ...others] = blocksRunAs('start')
  t.same(others, [])
  t.equal(start?.text, 'npm ci && npm start')
  const installed = await runProgram(t, 'npm', ['ci', '--dry-run', '--ignore-scripts'], {}, { cwd: COPY })
  t.equal(installed.code, 0)
  t.notMatch(installed.stderr, /warn/, 'each package takes this version of Node, and none is deprecated')
  // boot.test.ts starts on an empty folder, which takes several seconds more.
  cpSync(await demoFolder(t), join(COPY, '.data'), { recursive: true })
  const [PORT, METRICS_PORT] = [await freePort(), await freePort()]
  const gateway = run(t, 'npm start', { ...WIDE, PORT, METRICS_PORT })
  await whenReady(gateway, PORT)
  await until(() => gateway.stderr().includes('curl '))

  const pages = PAGES.filter(({ blocks }) => blocks.some((block) => environmentOf(block) === DEMO))
  t.ok(pages.length >= 4, `${pages.length} pages`)
  for (const { path, blocks } of pages) {
    await t.test(`${path}: each command succeeds and prints the response that the page shows`, async (t) => {
      const outputs = await runInOneShell(
        t,
        blocks.filter((block) => environmentOf(block) === DEMO),
        { METRICS_PORT },
      )
      for (const [position, shown] of blocks.entries()) {
        const command = blocks[position - 1]
        if (shown.language !== 'json' || command === undefined || environmentOf(command) !== DEMO) continue
        const output = outputs.get(command) ?? ''
        t.same(pick(JSON.parse(output)), pick(JSON.parse(shown.text)), `${path}:${shown.line}`)
      }
      const all = [...outputs.values()].join('\n')
      if (all.includes('intact')) t.match(all, /intact, from the first event on: \d+ events/)
    })
  }
  process.kill(-(gateway.child.pid as number), 'SIGTERM')
  await gateway.exit
})

t.test('secrets: .env has what compose.yaml requires, and only its owner can read it', async (t) => {
  // The file in use, as the page of the production set-up makes it.
  writeFileSync(join(COPY, 'signing-keys.json'), generateSigningKeys(), { mode: 0o600 })
  await runInOneShell(t, blocksRunAs('secrets'))
  t.equal(statSync(join(COPY, '.env')).mode & 0o777, 0o600)
  const written = new Map(
    readFileSync(join(COPY, '.env'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => line.split(/=(.*)/s).slice(0, 2) as [string, string]),
  )
  const compose = readFileSync('compose.yaml', 'utf8')
  const wanted = new Set([...compose.matchAll(/\$\{([A-Z_]+):\?/g)].map(([, name]) => name as string))
  t.same([...written.keys()].sort(), [...wanted].sort())
  const keys = written.get('JWT_SIGNING_KEYS') ?? ''
  t.match(JSON.parse(keys.slice(1, -1)), { keys: [{ alg: 'ES256' }] })

  const both = join(COPY, 'signing-keys.both.json')
  t.equal(statSync(both).mode & 0o777, 0o600)
  t.equal(JSON.parse(readFileSync(both, 'utf8')).keys.length, 2)
})

t.test('Docker: the commands name existing services and scripts', async (t) => {
  const [docker] = BLOCKS.filter(({ text }) => text.startsWith('docker compose up'))
  t.match(docker?.text, /^docker compose up .* balancer\ndocker compose exec gateway node dist\/operator\.js create/)
  t.match(readFileSync('compose.yaml', 'utf8'), /^ {2}gateway:$/m)
  t.ok(existsSync('scripts/operator.ts') && existsSync('scripts/roles.sql') && existsSync('Dockerfile'))
})

t.test('recipes: the commands create a migration and the contract', async (t) => {
  const before = readdirSync(join(COPY, 'migrations')).length
  const output = [...(await runInOneShell(t, blocksRunAs('recipe'))).values()].join('\n')
  // The copy has no new table, so the first command finds no change.
  t.match(output, 'No schema changes')
  t.equal(readdirSync(join(COPY, 'migrations')).length, before + 1)
  t.match(output, /^openapi\.yaml is /m)
})

/** Returns a value with the members of EXACT, and the types of all others. Of a list it keeps only the first item. */
function pick(value: unknown): unknown {
  if (Array.isArray(value)) return value.slice(0, 1).map(pick)
  if (typeof value !== 'object' || value === null) return typeof value
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return Object.fromEntries(members.map(([name, member]) => [name, EXACT.has(name) ? member : pick(member)]))
}
