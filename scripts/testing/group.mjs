// Runs compiled test files one after another in one process: what a gateway needs is then loaded and compiled once, not
// once a file, which took most of the time. Each file is a subtest with its own hooks, and ends before the next is read.
// Usage: TEST_FILES=FILE[:FILE...] node scripts/testing/group.mjs
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import t from 'tap'
import { FILE_MS_MAX } from './limits.mjs'

const CURRENT = Symbol.for('gatehouse.test.current')

t.setTimeout(0)
for (const file of process.env.TEST_FILES.split(':')) {
  await t.test(file, { timeout: FILE_MS_MAX }, async (test) => {
    globalThis[CURRENT] = test
    await import(pathToFileURL(resolve(file)).href)
  })
}
