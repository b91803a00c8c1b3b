// Runs compiled test files one after another in one process: what a gateway needs is then loaded and compiled once, not
// once a file, which took most of the time. Each file is a subtest with its own hooks, and ends before the next is read.
// Usage: TEST_FILES=FILE[:FILE...] node .build/test/runner/worker.js
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { setFileTest, t } from '../helpers/t.js'

/** The longest that one file may take, in milliseconds. */
const FILE_MS_MAX = 300_000

const root = t
root.setTimeout(0)
for (const file of process.env.TEST_FILES?.split(':') ?? []) {
  await root.test(file, { timeout: FILE_MS_MAX }, async (test) => {
    setFileTest(test)
    await import(pathToFileURL(resolve(file)).href)
  })
}
