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
import { BLOCKS, type Block, blocksRunAs, DEMO, environmentOf, PAGES } from '../helpers/docs.js'
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

const SERVER = process.env.TEST_DATABASE_URL
/** Separates the outputs of blocks that run in one shell. */
const MARK = '-- end of a block --'
/** Members of a shown response that must be exactly what the gateway sends. Of others only the type must be right. */
const EXACT = new Set(
  'allowed code denied_by_override detail granted_by_roles missing refused_before required status title'.split(' '),
)
/** Commands run in a copy: they write `.data`, `dist`, `.env` and migrations. */
const COPY = copyOfTheProject(t)

t.test('the two commands of the README, then each page on the demo that they start', async (t) => {
  const [start, ...others] = blocksRunAs('start')
  t.same(others, [])
  t.equal(start?.text, 'npm ci && npm start')
  t.match(await runProgram(t, 'npm', ['ci', '--dry-run', '--ignore-scripts'], {}, { cwd: COPY }), { code: 0 })
  const [PORT, METRICS_PORT] = [await freePort(), await freePort()]
  const gateway = run(t, 'npm start', { ...WIDE, PORT, METRICS_PORT })
  await whenReady(gateway, PORT)
  await until(() => gateway.stdout().includes('# log in'))

  const pages = PAGES.filter(({ blocks }) => blocks.some((block) => environmentOf(block) === DEMO))
  t.ok(pages.length >= 4, `${pages.length} pages`)
  for (const { path, blocks } of pages) {
    await t.test(`${path}: each command succeeds, each response is as shown`, async (t) => {
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

t.test('Docker: the commands name what exists', async (t) => {
  const [docker] = BLOCKS.filter(({ text }) => text.startsWith('docker compose up'))
  t.match(docker?.text, /^docker compose up .* gateway\ndocker compose exec gateway node scripts\/operator\.js create/)
  t.match(readFileSync('compose.yaml', 'utf8'), /^ {2}gateway:$/m)
  t.ok(existsSync('scripts/operator.ts') && existsSync('scripts/roles.sql') && existsSync('Dockerfile'))
})

t.test('recipes: the commands of the recipes make migrations and the contract', async (t) => {
  const before = readdirSync(join(COPY, 'migrations')).length
  const output = [...(await runInOneShell(t, blocksRunAs('recipe'))).values()].join('\n')
  // No table is new in the copy, so the first command finds nothing to do.
  t.match(output, 'No schema changes')
  t.equal(readdirSync(join(COPY, 'migrations')).length, before + 1)
  t.match(output, /^openapi\.yaml is /m)
})

t.test('npm test ends with what passed and what failed', async (t) => {
  // All tests would run this one again, so one small file replaces them.
  for (const name of readdirSync(join(COPY, 'test'), { recursive: true })) {
    if (String(name).endsWith('.test.ts')) rmSync(join(COPY, 'test', String(name)))
  }
  // It covers little.
  const coverage = JSON.parse(readFileSync('.c8rc.json', 'utf8'))
  writeFileSync(join(COPY, '.c8rc.json'), JSON.stringify({ ...coverage, 'check-coverage': false }))
  const test = (body: string) =>
    writeFileSync(
      join(COPY, 'test/small.test.ts'),
      `import { PRIVILEGES } from '../src/kernel/permissions/scopes.js'\nimport { t } from './helpers/t.js'\n${body}\n`,
    )
  const [embedded, pooled, ...others] = blocksRunAs('test')
  t.same(others, [])
  t.equal(embedded?.text, 'npm ci && npm test')

  test("t.ok('platform:tenants:view' in PRIVILEGES)\nt.ok(true)")
  const green = await run(t, 'npm test').exit
  t.match(green, { code: 0, stdout: /\n2 passed, 0 failed\n$/ }, green.stdout)
  test("t.ok('platform:tenants:view' in PRIVILEGES)\nt.equal(process.env.TEST_DATABASE_URL, undefined)")
  const red = await run(t, String(pooled?.text)).exit
  t.equal(red.code, 1)
  t.match(red.stdout, /\n1 passed, 1 failed\n$/)
  test('const wrong: number = PRIVILEGES')
  const broken = await run(t, 'npm test').exit
  t.equal(broken.code, 1)
  t.match(broken.stdout, /small\.test\.ts\(3,7\): error TS2322.*\n0 passed, 1 failed\n$/s)
})

if (SERVER !== undefined) {
  t.test('production: roles, schema, keys, operator, start, backup and restore work as written', async (t) => {
    const { admin_url, database, createSecond, release } = await scratchDatabase(SERVER)
    t.teardown(release)
    const password = 'granite-otter-paper-91'
    const port = await freePort()
    const script = ['set -eu', ...blocksRunAs('production').map(({ text }) => text)].join('\n')
    const environment = { ADMIN_DATABASE_URL: admin_url, DATABASE: database, OPERATOR_PASSWORD: password, PORT: port }
    // The script ends by becoming the gateway.
    const gateway = run(
      t,
      script.replace(/\n(?=node [^\n]*$)/, '\necho "passwords $OWNER_PASSWORD $GATEWAY_PASSWORD"\nexec '),
      environment,
    )
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

    // Attack: a gateway that logs in with a role that row-level security does not bind.
    const [, owner_password = '', gateway_password = ''] = /^passwords (\w+) (\w+)$/m.exec(gateway.stdout()) ?? []
    for (const url of [`postgres://gatehouse_owner:${owner_password}@${database}`, admin_url]) {
      const env = { DATABASE_URL: url, JWT_SIGNING_KEYS: 'signing-keys.json', PORT: await freePort() }
      const refused = await run(t, 'node dist/main.js', env).exit
      t.equal(refused.code, 1)
      t.match(refused.stderr, /^gatehouse: DATABASE_URL: this login could bypass row-level security; [^\n]+\n$/)
    }

    await t.test('a dump can be restored into a second database', async (t) => {
      const second = await createSecond()
      const roles = { OWNER_PASSWORD: owner_password, GATEWAY_PASSWORD: gateway_password }
      const prepared = await run(t, `psql "${second.admin_url}" -f scripts/roles.sql`, roles).exit
      t.equal(prepared.code, 0, prepared.stderr)
      await runInOneShell(t, blocksRunAs('backup'), { ...roles, DATABASE: database, NEW_DATABASE: second.database })
      t.equal(await second.count('users'), 1)
    })
    process.kill(gateway.child.pid as number, 'SIGTERM')
    t.equal((await gateway.exit).code, 0)
  })
}

function run(t: Test, script: string, env: Variables = {}): RunningProcess {
  return startProgram(t, 'sh', ['-c', script], env, { cwd: COPY })
}

/** Runs blocks in one shell, as a reader does in one terminal, and returns what each of them printed. */
async function runInOneShell(
  t: Test,
  blocks: readonly Block[],
  env: Variables = {},
): Promise<ReadonlyMap<Block, string>> {
  t.ok(blocks.length > 0, 'there are blocks to run')
  const script = blocks.map(({ text }) => `${text}\nprintf '\\n%s\\n' '${MARK}'`)
  const { code, stdout, stderr } = await run(t, ['set -eu', ...script].join('\n'), env).exit
  t.equal(code, 0, code === 0 ? 'each command succeeds' : `${stdout}\n${stderr}`)
  const outputs = stdout.split(`\n${MARK}\n`)
  return new Map(blocks.map((block, position) => [block, outputs[position] ?? '']))
}

/** A value with its exact members as they are, and of everything else the type; the first item stands for a list. */
function pick(value: unknown): unknown {
  if (Array.isArray(value)) return value.slice(0, 1).map(pick)
  if (typeof value !== 'object' || value === null) return typeof value
  const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return Object.fromEntries(members.map(([name, member]) => [name, EXACT.has(name) ? member : pick(member)]))
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
  const names = [`gatehouse_docs_${process.pid}`, `gatehouse_docs_${process.pid}_restored`] as const
  const admin = new pg.Client(server)
  await admin.connect()
  await admin.query('select pg_advisory_lock(727003)')
  const create = async (name: string) => {
    await admin.query(`create database ${name}`)
    const url = new URL(server)
    url.pathname = `/${name}`
    return { admin_url: url.href, database: `${url.host}/${name}` }
  }
  return {
    ...(await create(names[0])),
    async createSecond() {
      const second = await create(names[1])
      return {
        ...second,
        async count(table: string): Promise<number> {
          const client = new pg.Client(second.admin_url)
          await client.connect()
          const { rows } = await client.query(`select count(*)::int as count from ${table}`)
          await client.end()
          return rows[0].count
        },
      }
    },
    async release() {
      for (const name of names) await admin.query(`drop database if exists ${name} with (force)`)
      for (const role of ['gatehouse_owner', 'gatehouse_gateway']) {
        await admin.query(`drop role if exists ${role}`)
      }
      await admin.end()
    },
  }
}
