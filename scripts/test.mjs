// Compiles the tests and runs them; the last line that it prints is `N passed, N failed`.
// Usage: node scripts/test.mjs [--all] [--engine] [--browser] [--foreign] [--coverage] [part of a test file's path ...]
// Without arguments it runs the tests that start no processes and do not load the machine. --all runs these
// too. --engine leaves out what no database can change: CI runs the rest on a second engine. --browser and --foreign run
// the tests in a browser and those with other programs, which not every machine has.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'

const OUTPUT = '.build'
const CLAIMS = join(OUTPUT, 'claims')
const COVERAGE = join(OUTPUT, 'coverage')
const REPORT = join(OUTPUT, 'coverage-report')
/** What the compiler wrote in an earlier run, and what it knows about it. It compiles again only what changed. */
const COMPILED = ['src', 'test', 'scripts', 'drizzle.config.js', 'drizzle.config.js.map', '.tsbuildinfo']
const TEMPLATE = /^template-\w+\.tar$/
/** Twice the cores of the smallest machine, because tests also wait: for timers, sockets and processes. */
const WORKERS = 4

const APART = /\/test\/(browser|foreign)\//
/** They start processes, load the machine fully, or take long. Only --all runs them. */
const SECOND_TIER =
  /\/test\/(process\/|matrix\/(next-request|revocation-race)|guards\/(fuzz|patterns)|runner\/leftovers|kernel\/(replicas\/model|mail\/(sender|fairness))|app\/http\/unread|features\/(auth\/(flood|timing|late-login)|management\/(late-change|races)|conversations\/(stream\/storm|migration)|directory\/known-users|upstreams\/(forward\/(hostile|interleaved|slow-reader|streams)|pool\/shares))\.)/
/**
 * Their results do not depend on the engine of the database. That is so for forwarding, for connections, for the text of the
 * project, and for parts without rows. It is also so for most of the features: the guards carry out every operation on both
 * engines, and what remains are the rules above the statements.
 */
const ENGINE_FREE =
  /\/test\/(runner|app\/(http|logging|openapi)|features|guards\/(commits|cors-headers|docs|features|kinds|layers|patterns)|kernel\/(config|credentials|feature|ids|jobs|live|metrics|permissions|problems|request|rest|sockets|time))[/.]/
/** Features whose results depend on the engine: sort orders, locks, functions of the database, and migrated rows. */
const ENGINE_BOUND =
  /\/features\/(audit\/|conversations\/(changes|deletion|migration|seq)|customers\/(search|unique)|platform\/analytics|privacy\/|usage\/)/
/** They measure time, load the machine fully, or need several processes that keep their times. No other test runs at the same time. */
const QUIET = /\/(auth\/(timing|flood)|stream\/storm)\.|\/test\/foreign\/(?!nginx)/

const { values: options, positionals: parts } = parseArgs({
  allowPositionals: true,
  options: {
    all: { type: 'boolean' },
    engine: { type: 'boolean' },
    browser: { type: 'boolean' },
    foreign: { type: 'boolean' },
    coverage: { type: 'boolean' },
  },
})
const { passed, failed, failures = [] } = await main()
process.exitCode = failed > 0 ? 1 : 0
// At the end, because whoever looks at a failed run reads its last lines first.
for (const failure of failures) process.stdout.write(`failed: ${failure}\n`)
process.stdout.write(`${passed} passed, ${failed} failed\n`)

async function main() {
  clean()
  // If the tests do not compile, the output of the last run must not be run.
  if (!(await compile())) return { passed: 0, failed: 1 }
  const files = chosenFiles()
  if (files.length === 0) {
    process.stderr.write(`no test file matches: ${parts.join(' ')}\n`)
    return { passed: 0, failed: 1 }
  }
  const { passed, failed, failures } = await run(files)
  if (!options.coverage || isCovered()) return { passed, failed, failures }
  return { passed, failed: failed + 1, failures: [...failures, 'the coverage that .c8rc.json requires'] }
}

/**
 * Removes the files of an earlier run. Database templates stay, because their names contain the version of the migrations.
 * Compiled files stay if all of them are there. A file whose source is gone would be run as a test.
 */
function clean() {
  if (!existsSync(OUTPUT)) return
  const is_whole = COMPILED.every((name) => existsSync(join(OUTPUT, name)))
  for (const name of readdirSync(OUTPUT)) {
    if (TEMPLATE.test(name) || (is_whole && COMPILED.includes(name))) continue
    rmSync(join(OUTPUT, name), { recursive: true, force: true })
  }
  if (!is_whole) return
  for (const name of COMPILED.filter((name) => existsSync(name))) {
    for (const file of readdirSync(join(OUTPUT, name), { recursive: true })) {
      const source = join(name, file).replace(/\.js(\.map)?$/, '.ts')
      if (/\.js(\.map)?$/.test(file) && !existsSync(source)) rmSync(join(OUTPUT, name, file))
    }
  }
}

/** Compiles the tests, and beside them the gateway and its commands as a user starts them, which some tests do. */
async function compile() {
  const building = spawn(process.execPath, ['scripts/build.mjs'], { stdio: 'inherit' })
  const built = once(building, 'exit')
  const is_compiled = succeeds('typescript7/bin/tsc', '-p', 'tsconfig.test.json', '--pretty', 'false')
  const [status] = await built
  return is_compiled && status === 0
}

function chosenFiles() {
  const only_apart = (options.browser || options.foreign) && !options.all
  return readdirSync(join(OUTPUT, 'test'), { recursive: true })
    .filter((name) => name.endsWith('.test.js'))
    .map((name) => join(OUTPUT, 'test', name))
    .sort()
    .filter((file) => {
      const apart = APART.exec(file)?.[1]
      return apart === undefined ? !only_apart : options[apart]
    })
    .filter((file) => !options.engine || !ENGINE_FREE.test(file) || ENGINE_BOUND.test(file))
    .filter((file) =>
      parts.length > 0
        ? parts.some((part) => file.includes(part))
        : options.all || only_apart || !SECOND_TIER.test(file),
    )
}

/** Runs the files as subtests of tap's root test, which prints and counts their results. */
async function run(files) {
  const { t } = await import('tap')
  const work = (files, name, more = {}) => {
    // In the environment and not in arguments: tap names a folder after the arguments, and the length of a name is limited.
    const env = { ...process.env, TEST_FILES: files.join(':'), ...more }
    if (options.coverage) env.NODE_V8_COVERAGE = COVERAGE
    // tap sets a loader in NODE_OPTIONS of its child processes. The loader slows down imports and breaks coverage.
    const words = ['-u', 'NODE_OPTIONS', process.execPath, '--enable-source-maps', '.build/test/runner/worker.js']
    return t.spawn('env', words, { env }, name)
  }
  t.on('spawn', (worker) => worker.on('process', (child) => endWithThis(child)))
  t.setTimeout(0)
  for (const file of files.filter((file) => QUIET.test(file))) await work([file], file)
  t.jobs = WORKERS
  // Files that take long are first, so that both workers end at about the same time.
  const shared = files
    .filter((file) => !QUIET.test(file))
    .sort((left, right) => Number(takesLong(right)) - Number(takesLong(left)))
  mkdirSync(CLAIMS)
  const workers = Array.from({ length: Math.min(WORKERS, shared.length) }, (_, index) => `worker ${index + 1}`)
  await Promise.all(workers.map((name) => work(shared, name, { TEST_CLAIMS: CLAIMS })))
  t.end()
  const failures = t.lists.fail.map(({ fullname, name }) => `${fullname} > ${name}`)
  const { pass, fail } = t.counts
  // A process can end without a failed test, and a run without a test proves nothing.
  return { passed: pass, failed: t.passing() && pass > 0 ? fail : Math.max(fail, 1), failures }
}

function takesLong(file) {
  return SECOND_TIER.test(file) || APART.test(file)
}

/** Ends a child process when a signal ends the run. */
function endWithThis(child) {
  for (const signal of ['SIGINT', 'SIGTERM']) {
    const end = () => {
      child.kill(signal)
      process.kill(process.pid, signal)
    }
    process.once(signal, end)
    child.once('exit', () => process.off(signal, end))
  }
}

/**
 * Returns whether the tests covered as much of the code as .c8rc.json requires, and prints uncovered lines. Without any file
 * c8 reports full coverage, so the summary is checked too.
 */
function isCovered() {
  if (!succeeds('c8/bin/c8.js', 'report', '--temp-directory', COVERAGE)) return false
  const { total } = JSON.parse(readFileSync(join(REPORT, 'coverage-summary.json'), 'utf8'))
  if (total.lines.total === 0) process.stdout.write('no line of the code was seen: coverage was not measured\n')
  return total.lines.total > 0
}

function succeeds(script, ...words) {
  return spawnSync(process.execPath, [join('node_modules', script), ...words], { stdio: 'inherit' }).status === 0
}
