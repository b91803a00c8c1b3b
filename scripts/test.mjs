// Compiles the tests and runs them; the last line that it prints is `N passed, N failed`.
// Usage: node scripts/test.mjs [--browser | --foreign] [part of a test file's path ...]
// The tests in a browser, and those with other people's programs, are runs of their own: not every machine has them, and
// a test that is there is never passed over.
import { spawn, spawnSync } from 'node:child_process'
import { cpSync, existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join, relative } from 'node:path'
import { EMBEDDED_ALONE } from './testing/limits.mjs'

const OUTPUT = '.build'
const COVERAGE = join(OUTPUT, 'coverage')
const REPORT = join(OUTPUT, 'coverage-report')
const APART = ['browser', 'foreign']
const KEPT = /^template-\w+\.tar$/
/** tap's last word: `# { total: 8, pass: 7, fail: 1 }`, at the beginning of a line; those of files are indented. */
const SUMMARY = /^# \{ .*\}$/

process.exitCode = await main(process.argv.slice(2))

/** @returns {Promise<number>} the exit code */
async function main(words) {
  const apart = APART.find((name) => words[0] === `--${name}`)
  const wanted = apart === undefined ? words : words.slice(1)
  clean()
  // What does not compile is not run: its old output would be.
  if (!compile()) return summarise({ passed: 0, failed: 1 })

  let files = testFiles()
    .filter((file) => APART.find((name) => file.startsWith(join(OUTPUT, 'test', name, '/'))) === apart)
    .filter((file) => wanted.length === 0 || wanted.some((part) => file.includes(part)))
  if (files.length === 0) {
    process.stderr.write(`no test file matches: ${wanted.join(' ')}\n`)
    return summarise({ passed: 0, failed: 1 })
  }
  const is_on_server = process.env.TEST_DATABASE_URL !== undefined
  if (is_on_server && wanted.length === 0) files = files.filter((file) => !EMBEDDED_ALONE.test(file))
  // A part of the tests covers a part of the code, and on a server the code is the same.
  const is_all = wanted.length === 0 && apart === undefined && !is_on_server
  const result = await run(files, is_all ? { NODE_V8_COVERAGE: COVERAGE } : {})
  if (is_all && !isCovered()) result.failed += 1
  return summarise(result)
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

function testFiles() {
  const folder = join(OUTPUT, 'test')
  if (!existsSync(folder)) return []
  return readdirSync(folder, { recursive: true })
    .filter((name) => name.endsWith('.test.js'))
    .map((name) => relative('.', join(folder, name)))
    .sort()
}

/** Runs the files, shows what they say, and counts by tap's own summary. */
function run(files, env) {
  const tap = spawn(process.execPath, ['scripts/testing/run.mjs', ...files], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...env },
  })
  let summary = ''
  let tail = ''
  tap.stdout.setEncoding('utf8')
  tap.stdout.on('data', (text) => {
    process.stdout.write(text)
    const lines = (tail + text).split('\n')
    tail = lines.pop() ?? ''
    summary = lines.findLast((line) => SUMMARY.test(line)) ?? summary
  })
  const stop = (signal) => tap.kill(signal)
  process.once('SIGINT', stop).once('SIGTERM', stop)
  return new Promise((resolve) => {
    tap.on('close', (code) => {
      const count = (name) => Number(new RegExp(`\\b${name}: (\\d+)`).exec(summary)?.[1] ?? 0)
      const passed = count('pass')
      const failed = count('fail')
      // A file that died, a run that was stopped: red, though no assertion was.
      const is_red = code !== 0 || passed === 0
      resolve({ passed, failed: is_red ? Math.max(failed, 1) : failed })
    })
  })
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

function summarise({ passed, failed }) {
  process.stdout.write(`${passed} passed, ${failed} failed\n`)
  return failed > 0 ? 1 : 0
}
