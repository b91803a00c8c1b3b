// Compiles the tests and runs them; the last line that it prints is `N passed, N failed`.
// Usage: node scripts/test.mjs [--browser | --foreign] [part of a test file's path ...]
// The tests in a browser, and those with other people's programs, are runs of their own: not every machine has them, and
// a test that is there is never passed over.
import { spawn, spawnSync } from 'node:child_process'
import { cpSync, existsSync, readdirSync, rmSync } from 'node:fs'
import { join, relative } from 'node:path'

const OUTPUT = '.build'
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
  const { status } = spawnSync(
    process.execPath,
    ['node_modules/typescript7/bin/tsc', '-p', 'tsconfig.test.json', '--pretty', 'false'],
    { stdio: 'inherit' },
  )
  if (status !== 0) return summarise({ passed: 0, failed: 1 })
  // Compiled files find the migrations where their sources do: two folders up.
  cpSync('migrations', join(OUTPUT, 'migrations'), { recursive: true })

  const files = testFiles()
    .filter((file) => APART.find((name) => file.startsWith(join(OUTPUT, 'test', name, '/'))) === apart)
    .filter((file) => wanted.length === 0 || wanted.some((part) => file.includes(part)))
  if (files.length === 0) {
    process.stderr.write(`no test file matches: ${wanted.join(' ')}\n`)
    return summarise({ passed: 0, failed: 1 })
  }
  // A part of the tests covers a part of the code.
  const is_all = wanted.length === 0 && apart === undefined
  return run(is_all ? files : ['--disable-coverage', ...files])
}

/** Removes what an earlier run left, but for the database templates, which name the migrations that they hold. */
function clean() {
  if (!existsSync(OUTPUT)) return
  for (const name of readdirSync(OUTPUT)) {
    if (!KEPT.test(name)) rmSync(join(OUTPUT, name), { recursive: true, force: true })
  }
}

function testFiles() {
  const folder = join(OUTPUT, 'test')
  if (!existsSync(folder)) return []
  return readdirSync(folder, { recursive: true })
    .filter((name) => name.endsWith('.test.js'))
    .map((name) => relative('.', join(folder, name)))
    .sort()
}

/** Runs tap, shows what it says, and counts by its own summary. @returns {Promise<number>} the exit code */
function run(args) {
  const tap = spawn(process.execPath, ['node_modules/tap/dist/esm/run.mjs', '--reporter=tap', ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
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
      // Too little coverage, a file that died, a run that was stopped: red, though no assertion was.
      const is_red = code !== 0 || passed === 0
      resolve(summarise({ passed, failed: is_red ? Math.max(failed, 1) : failed }, code ?? 1))
    })
  })
}

function summarise({ passed, failed }, code = 1) {
  process.stdout.write(`${passed} passed, ${failed} failed\n`)
  return failed > 0 ? code || 1 : code
}
