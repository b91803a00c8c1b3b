// Compiles the tests and runs them; the last line that it prints is `N passed, N failed`.
// Usage: node scripts/test.mjs [--all | --browser | --foreign] [--coverage] [part of a test file's path ...]
// Without words it runs what needs neither a second process nor an idle machine; --all runs everything but the tests in a
// browser and those with other programs, which not every machine has.
import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'

const OUTPUT = '.build'
const CLAIMS = join(OUTPUT, 'claims')
const COVERAGE = join(OUTPUT, 'coverage')
const REPORT = join(OUTPUT, 'coverage-report')
const KEPT = /^template-\w+\.tar$/
/** As many as the smallest machine has cores. */
const WORKERS = 2

const APART = /\/test\/(browser|foreign)\//
/** They start processes, load the machine as far as it goes, or take long: in --all only. */
const SECOND_TIER =
  /\/test\/(process\/|matrix\/next-request|features\/(auth\/(flood|timing)|conversations\/stream\/storm|upstreams\/forward\/(hostile|interleaved|streams))\.)/
/** They measure time, or load the machine as far as it goes: nothing else runs meanwhile. */
const QUIET = /\/auth\/(timing|flood)\./

const { values: options, positionals: parts } = parseArgs({
  allowPositionals: true,
  options: {
    all: { type: 'boolean' },
    browser: { type: 'boolean' },
    foreign: { type: 'boolean' },
    coverage: { type: 'boolean' },
  },
})
const { passed, failed } = await main()
process.exitCode = failed > 0 ? 1 : 0
process.stdout.write(`${passed} passed, ${failed} failed\n`)

async function main() {
  clean()
  // What does not compile is not run: its old output would be.
  if (!compile()) return { passed: 0, failed: 1 }
  const files = chosenFiles()
  if (files.length === 0) {
    process.stderr.write(`no test file matches: ${parts.join(' ')}\n`)
    return { passed: 0, failed: 1 }
  }
  const { passed, failed } = await run(files)
  return { passed, failed: failed + (options.coverage && !isCovered() ? 1 : 0) }
}

/** Removes what an earlier run left, but for the database templates, which name the migrations that they hold. */
function clean() {
  if (!existsSync(OUTPUT)) return
  for (const name of readdirSync(OUTPUT)) {
    if (!KEPT.test(name)) rmSync(join(OUTPUT, name), { recursive: true, force: true })
  }
}

function compile() {
  if (!succeeds('typescript7/bin/tsc', '-p', 'tsconfig.test.json', '--pretty', 'false')) return false
  // Compiled files find the migrations where their sources do: two folders up.
  cpSync('migrations', join(OUTPUT, 'migrations'), { recursive: true })
  return true
}

function chosenFiles() {
  const apart = ['browser', 'foreign'].find((name) => options[name])
  return readdirSync(join(OUTPUT, 'test'), { recursive: true })
    .filter((name) => name.endsWith('.test.js'))
    .map((name) => join(OUTPUT, 'test', name))
    .sort()
    .filter((file) => APART.exec(file)?.[1] === apart)
    .filter((file) =>
      parts.length > 0 ? parts.some((part) => file.includes(part)) : options.all || apart || !SECOND_TIER.test(file),
    )
}

/** Runs the files as subtests of tap's root, which prints and counts what they say. */
async function run(files) {
  const { t } = await import('tap')
  const work = (files, name, more = {}) => {
    // By the environment, because tap names folders after the words of a command, and a name has an end.
    const env = { ...process.env, TEST_FILES: files.join(':'), ...more }
    if (options.coverage) env.NODE_V8_COVERAGE = COVERAGE
    // tap puts a loader into NODE_OPTIONS of what it spawns, which slows every import down, and takes coverage away.
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
    .sort((left, right) => Number(SECOND_TIER.test(right)) - Number(SECOND_TIER.test(left)))
  mkdirSync(CLAIMS)
  const workers = Array.from({ length: Math.min(WORKERS, shared.length) }, (_, index) => `worker ${index + 1}`)
  await Promise.all(workers.map((name) => work(shared, name, { TEST_CLAIMS: CLAIMS })))
  t.end()
  for (const { fullname, name } of t.lists.fail) process.stdout.write(`failed: ${fullname} > ${name}\n`)
  const { pass, fail } = t.counts
  // A process may have died although nothing failed before, and a run of nothing proves nothing.
  return { passed: pass, failed: t.passing() && pass > 0 ? fail : Math.max(fail, 1) }
}

/** A signal that ends the run also ends a process of it. */
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
 * Whether the tests ran through as much of the code as .c8rc.json asks; prints what they did not. Of no file at all c8 says
 * that everything is covered: the summary tells.
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
