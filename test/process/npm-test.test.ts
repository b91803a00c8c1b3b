import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { blocksRunAs } from '../helpers/docs.js'
import { t } from '../helpers/t.js'
import { FILE_MS_MAX } from './gateway-process.js'
import { copyOfTheProject } from './project-copy.js'

t.setTimeout(FILE_MS_MAX)

/** What a run of the tests keeps for the next one. */
const COMPILED = /^(src|test|scripts|drizzle\.config\..*|\.tsbuildinfo|.*\.tar)$/
const { folder: COPY, run } = copyOfTheProject(t)

t.test('npm test ends with the numbers of passed and failed assertions', async (t) => {
  // The full suite contains this test and would never end, so one small file replaces all tests.
  for (const name of readdirSync(join(COPY, 'test'), { recursive: true })) {
    if (String(name).endsWith('.test.ts')) rmSync(join(COPY, 'test', String(name)))
  }
  // With what this run has compiled, and with its templates, the copy compiles only what differs and migrates nothing.
  mkdirSync(join(COPY, '.build'), { recursive: true })
  for (const name of readdirSync('.build').filter((name) => COMPILED.test(name))) {
    cpSync(join('.build', name), join(COPY, '.build', name), { recursive: true })
  }
  // The small file does not reach the required coverage.
  const coverage = JSON.parse(readFileSync('.c8rc.json', 'utf8'))
  writeFileSync(join(COPY, '.c8rc.json'), JSON.stringify({ ...coverage, 'check-coverage': false }))
  const test = (body: string) =>
    writeFileSync(
      join(COPY, 'test/small.test.ts'),
      `import { PRIVILEGES } from '../src/contract/scopes.js'\nimport { t } from './helpers/t.js'\n${body}\n`,
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
