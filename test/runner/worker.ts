// Runs compiled test files one after another in one process, so that modules and schemas are loaded and compiled once and
// all files use one database. Each file is a subtest with its own hooks, and ends before the next one is imported.
// Several workers share the files of TEST_FILES. Each worker claims the next unclaimed file: it creates a file with the
// number of the test file in the folder TEST_CLAIMS.
import { closeSync, openSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { PassThrough } from 'node:stream'
import { pathToFileURL } from 'node:url'
import type { Test } from 'tap'
import { openTestDatabase } from '../helpers/database.js'
import { keepingDatabase } from '../helpers/embedded-database.js'
import { t as root, setFileTest } from '../helpers/t.js'
import { leftovers, stateOfProcess } from './leftovers.js'

/** The time limit of one file, in milliseconds. */
const FILE_MS_MAX = 300_000

const { TEST_FILES = '', TEST_CLAIMS } = process.env
const t = root
t.setTimeout(0)
withoutDomain(t)
// If the root were piped to the standard output directly, tap would track promises again (see withoutDomain).
const output = new PassThrough()
output.pipe(process.stdout)
t.pipe(output)
let current = t
process.on('uncaughtException', (error) => {
  if (current !== t) current.threw(error)
  // An error between two files. `threw` would end the whole run.
  else t.fail(`an error after the end of a file: ${error.stack}`)
})

await keepingDatabase(async () => {
  // The database starts before the first state is recorded, so that every later difference comes from a file.
  await (await openTestDatabase()).close()
  let before = stateOfProcess()
  for (const [number, file] of TEST_FILES.split(':').entries()) {
    if (!claim(number)) continue
    await run(file, before)
    // The leftovers of this file must fail only this file, and not every later one as well.
    before = atLeast(before, stateOfProcess())
  }
})
t.end()
if (!t.passing()) process.exitCode = 1

async function run(file: string, before: ReturnType<typeof stateOfProcess>): Promise<void> {
  const began = performance.now()
  await t.test(file, { timeout: FILE_MS_MAX }, async (test) => {
    current = test
    setFileTest(test)
    await import(pathToFileURL(resolve(file)).href)
  })
  current = t
  const left = await leftovers(before)
  if (left.length > 0) t.fail(`${file} left something behind in the process`, { left })
  process.stderr.write(`${((performance.now() - began) / 1000).toFixed(1)} s ${file}\n`)
}

/** Returns the largest number for each name. */
function atLeast(...states: ReadonlyMap<string, number>[]): ReadonlyMap<string, number> {
  const largest = new Map<string, number>()
  for (const [name, number] of states.flatMap((state) => [...state])) {
    largest.set(name, Math.max(number, largest.get(name) ?? 0))
  }
  return largest
}

function claim(number: number): boolean {
  if (TEST_CLAIMS === undefined) return true
  try {
    closeSync(openSync(join(TEST_CLAIMS, String(number)), 'wx'))
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

/**
 * Removes the domain of a test. tap tracks every promise, to find the test that caused an uncaught error. That takes a
 * quarter of the time. Here files run one at a time, so an uncaught error belongs to the file that is running.
 */
function withoutDomain(test: Test): void {
  test.hookDomain.destroy()
  test.on('subtestAdd', (subtest) => withoutDomain(subtest as Test))
}
