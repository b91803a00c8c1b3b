import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join, resolve } from 'node:path'
import pg from 'pg'
import type { Test } from 'tap'
import { BUDGETS, CONNECTION_LIMITS } from '../../src/kernel/limits/budgets.js'
import { t } from '../helpers/t.js'
import {
  FILE_MS_MAX,
  freePort,
  type RunningProcess,
  runProgram,
  scratchFolder,
  startProgram,
  until,
  type Variables,
  WIDE,
  whenReady,
} from './gateway-process.js'

t.setTimeout(FILE_MS_MAX)

interface Block {
  readonly section: string
  readonly language: string
  readonly text: string
}

const README = readFileSync('README.md', 'utf8')
const BLOCKS = blocksOf(README)
const SERVER = process.env.TEST_DATABASE_URL
/** Commands run in a copy: they write `.data`, `dist`, `.env` and migrations. */
const COPY = copyOfTheProject(t)

t.test('every command of the README has a test that runs it', async (t) => {
  const sections = [...new Set(BLOCKS.filter(isShell).map(({ section }) => section))]
  t.same(sections, ['Start', 'Run a tenant', 'Run the platform', 'Production', 'With Docker', 'Test', 'Add a resource'])
  for (const { text } of BLOCKS.filter(isShell)) {
    const { code, stderr } = await runProgram(t, 'sh', ['-n', '-c', text])
    t.equal(code, 0, `${text}\n${stderr}`)
  }
  const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: Variables }
  const named = [...README.matchAll(/npm (?:run (?:--silent )?)?([a-z]+(?::[a-z]+)?)/g)].map(
    ([, name]) => name as string,
  )
  for (const name of new Set(named)) t.ok(name === 'ci' || name in scripts, `npm run ${name} exists`)
  const missing = Object.keys(scripts).filter((name) => !name.startsWith('pre') && !named.includes(name))
  t.same(missing, [], 'every script is named')
})

t.test('Start: the two commands, the four curls with their answers, the scripts', async (t) => {
  const port = await freePort()
  const [install, read, ...rest] = inSection('Start')
  t.equal(install?.text, 'npm ci && npm start')
  t.match(await runProgram(t, 'npm', ['ci', '--dry-run', '--ignore-scripts'], {}, { cwd: COPY }), { code: 0 })
  const METRICS_PORT = await freePort()
  const start = run(t, 'npm start', { ...WIDE, PORT: port, METRICS_PORT })
  await whenReady(start, port)
  await until(() => start.stdout().includes('# log in'))

  t.equal(read?.text, '. ./.data/demo.env')
  // One shell for all of them, as in a terminal. A mark after each tells the answers apart.
  const commands = rest.filter(isShell)
  const script = [read?.text, ...commands.map(({ text }) => `${text}\nprintf '\\n%s\\n' ----`)].join('\n')
  const { code, stdout, stderr } = await run(t, `set -eu\n${script}`).exit
  t.equal(code, 0, stdout + stderr)
  const answers = stdout.split('\n----\n')
  const shown = rest.filter(({ language }) => language === 'json').map(({ text }) => JSON.parse(text))
  t.equal(shown.length, 4)
  for (const [position, example] of shown.entries()) {
    const answer = JSON.parse(answers[position] ?? '')
    if (position < 3) t.same(shapeOf(answer), shapeOf(example), `answer ${position + 1} has the shape that is shown`)
    else t.same(Object.keys(answer), Object.keys(example))
  }
  const [, , refusal] = shown
  const { type: _type, request_id: _request_id, principal: _principal, ...stable } = refusal
  t.match(JSON.parse(answers[2] ?? ''), stable, 'the refusal says word for word what is shown')

  await t.test('Run a tenant, Run the platform: each command works on the demo', async (t) => {
    const blocks = [...inSection('Run a tenant'), ...inSection('Run the platform')]
    const script = blocks.filter(isShell).map(({ text }) => `${text}\nprintf '\\n%s\\n' ----`)
    const { code, stdout, stderr } = await run(t, ['set -eu', ...script].join('\n'), { METRICS_PORT }).exit
    t.equal(code, 0, stdout + stderr)
    const explained = stdout.split('\n----\n').find((answer) => answer.includes('"allowed"'))
    const [example] = blocks.filter(({ language }) => language === 'json').map(({ text }) => JSON.parse(text))
    const { principal, ...stable } = example
    t.match(JSON.parse(explained ?? ''), { ...stable, principal: { kind: principal.kind } }, 'word for word')
    t.match(stdout, /intact, from the first event on: \d+ events/)
    t.match(stdout, /^gatehouse_requests_total\{/m)
  })
  process.kill(-(start.child.pid as number), 'SIGTERM')
  await start.exit
})

t.test('With Docker: .env holds what compose.yaml asks for, and nobody else can read it', async (t) => {
  const [write, docker] = inSection('With Docker').filter(isShell)
  const { code, stderr } = await run(t, `set -eu\n${write?.text}`).exit
  t.equal(code, 0, stderr)
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
  // No engine runs here; what the commands name must exist.
  t.match(docker?.text, /^docker compose up .* gateway\ndocker compose exec gateway node scripts\/operator\.js create/)
  t.match(compose, /^ {2}gateway:$/m)
  t.ok(existsSync('scripts/operator.ts') && existsSync('scripts/roles.sql') && existsSync('Dockerfile'))
})

t.test('Add a resource: the migrations and the contract are made', async (t) => {
  const commands = inSection('Add a resource').filter(isShell)
  const before = readdirSync(join(COPY, 'migrations')).length
  const { code, stdout, stderr } = await run(t, `set -eu\n${commands.map(({ text }) => text).join('\n')}`).exit
  t.equal(code, 0, stdout + stderr)
  // No table is new in the copy, so the first command finds nothing to do.
  t.match(stdout, 'No schema changes')
  t.equal(readdirSync(join(COPY, 'migrations')).length, before + 1)
  t.match(stdout, /^openapi\.yaml is /m)
})

t.test('Test: npm test ends with what passed and what failed', async (t) => {
  // Of the tests one small file is left: all of them would run this one again.
  rmSync(join(COPY, 'test'), { recursive: true })
  mkdirSync(join(COPY, 'test'))
  const [embedded, pooled] = inSection('Test').filter(isShell)
  // It covers little.
  const coverage = JSON.parse(readFileSync('.c8rc.json', 'utf8'))
  writeFileSync(join(COPY, '.c8rc.json'), JSON.stringify({ ...coverage, 'check-coverage': false }))
  const test = (body: string) =>
    writeFileSync(
      join(COPY, 'test/small.test.ts'),
      `import t from 'tap'\nimport { SCOPES } from '../src/permissions/scopes.js'\n${body}\n`,
    )
  t.equal(embedded?.text, 'npm ci && npm test')

  test("t.ok('customers:edit' in SCOPES)\nt.ok(true)")
  const green = await run(t, 'npm test').exit
  t.match(green, { code: 0, stdout: /\n2 passed, 0 failed\n$/ }, green.stdout)
  test("t.ok('customers:edit' in SCOPES)\nt.equal(process.env.TEST_DATABASE_URL, undefined)")
  const red = await run(t, String(pooled?.text)).exit
  t.equal(red.code, 1)
  t.match(red.stdout, /\n1 passed, 1 failed\n$/)
  test('const wrong: number = SCOPES')
  const broken = await run(t, 'npm test').exit
  t.equal(broken.code, 1)
  t.match(broken.stdout, /small\.test\.ts\(3,7\): error TS2322.*\n0 passed, 1 failed\n$/s)
})

t.test('Configuration: the table names every variable, and no other', async (t) => {
  const documented = new Map(
    [...README.matchAll(/^\| `([A-Z_]+)` \|([^|]*)\|/gm)].map(([, name, fallback]) => [
      name as string,
      fallback?.trim(),
    ]),
  )
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

if (SERVER !== undefined) {
  t.test('Production: roles, schema, keys, operator and start work as written', async (t) => {
    const { admin_url, database, release } = await scratchDatabase(SERVER)
    t.teardown(release)
    const password = 'granite-otter-paper-91'
    const port = await freePort()
    const commands = inSection('Production').filter(isShell)
    const script = ['set -eu', ...commands.map(({ text }) => text)].join('\n')
    const environment = { ADMIN_DATABASE_URL: admin_url, DATABASE: database, OPERATOR_PASSWORD: password, PORT: port }
    // Told apart at the end: the script ends by becoming the gateway.
    const gateway = run(t, script.replace(/\n(?=node [^\n]*$)/, '\necho "owner $OWNER_PASSWORD"\nexec '), environment)
    await whenReady(gateway, port)
    t.match(gateway.stdout(), /applied 0000_roles_and_isolation\n/)
    t.match(gateway.stdout(), 'you@example.com is a user now, and an operator with every privilege')
    const login = await fetch(`http://127.0.0.1:${port}/v1/auth/login`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ email: 'you@example.com', password }),
    })
    t.match(await login.json(), { user: { is_operator: true } })
    t.equal(statSync(join(COPY, 'signing-keys.json')).mode & 0o777, 0o600)

    // Attack: a gateway that logs in as somebody whom row-level security does not bind.
    const owner_password = /^owner (\w+)$/m.exec(gateway.stdout())?.[1]
    for (const url of [`postgres://gatehouse_owner:${owner_password}@${database}`, admin_url]) {
      const env = { DATABASE_URL: url, JWT_SIGNING_KEYS: 'signing-keys.json', PORT: await freePort() }
      const refused = await run(t, 'node dist/main.js', env).exit
      t.equal(refused.code, 1)
      t.match(refused.stderr, /^gatehouse: DATABASE_URL: this login could bypass row-level security; [^\n]+\n$/)
    }
    process.kill(gateway.child.pid as number, 'SIGTERM')
    t.equal((await gateway.exit).code, 0)
  })
}

function run(t: Test, script: string, env: Variables = {}): RunningProcess {
  return startProgram(t, 'sh', ['-c', script], env, { cwd: COPY })
}

function inSection(name: string): Block[] {
  return BLOCKS.filter(({ section }) => section === name)
}

function isShell({ language }: Block): boolean {
  return language === 'sh'
}

function blocksOf(markdown: string): Block[] {
  let section = ''
  const blocks: Block[] = []
  for (const [, heading, indent, language, text] of markdown.matchAll(
    /^#+ (.*)$|^( *)```(\w+)\n([\s\S]*?)\n *```$/gm,
  )) {
    if (heading !== undefined) section = heading
    else
      blocks.push({
        section,
        language: language as string,
        text: (text as string).replaceAll(`\n${indent}`, '\n').trim(),
      })
  }
  return blocks
}

/** Which members an answer has, at every depth, and of which type; the first of a list stands for all. */
function shapeOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.slice(0, 1).map(shapeOf)
  if (typeof value !== 'object' || value === null) return typeof value
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, member]) => [name, shapeOf(member)]),
  )
}

/** The files that a clone would have; packages are those that are installed. */
function copyOfTheProject(t: Test): string {
  const folder = scratchFolder(t)
  mkdirSync(folder)
  const entries = [
    'src',
    'test',
    'scripts',
    'migrations',
    'package.json',
    'package-lock.json',
    'openapi.yaml',
    'drizzle.config.ts',
  ]
  for (const entry of [...entries, ...readdirSync('.').filter((name) => /^tsconfig.*\.json$/.test(name))]) {
    if (existsSync(entry)) cpSync(entry, join(folder, entry), { recursive: true })
  }
  symlinkSync(resolve('node_modules'), join(folder, 'node_modules'))
  return folder
}

/** An empty database. Its roles belong to the whole server, so only one test at a time may set their passwords. */
async function scratchDatabase(server: string) {
  const name = `gatehouse_readme_${process.pid}`
  const admin = new pg.Client(server)
  await admin.connect()
  await admin.query('select pg_advisory_lock(727003)')
  await admin.query(`create database ${name}`)
  const url = new URL(server)
  url.pathname = `/${name}`
  return {
    admin_url: url.href,
    database: `${url.host}/${name}`,
    async release() {
      await admin.query(`drop database ${name} with (force)`)
      for (const role of ['gatehouse_owner', 'gatehouse_gateway']) {
        await admin.query(`drop role if exists ${role}`)
      }
      await admin.end()
    },
  }
}
