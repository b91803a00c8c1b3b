import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { lockFolder } from '../../../src/kernel/database/folder-lock.js'
import { t } from '../../helpers/t.js'

const root = t.testdir()
let folders = 0
function folder(): { path: string; lock: string } {
  folders += 1
  const path = join(root, `data-${folders}`)
  mkdirSync(path)
  return { path, lock: `${path}.lock` }
}

/** The pid of a process that has ended. */
function deadPid(): number {
  return spawnSync(process.execPath, ['-e', '']).pid
}

// If two processes used one folder, the embedded engine would lose committed rows.
t.test('a lock of a running process stops the start, and the message names the process', async (t) => {
  const { path, lock } = folder()
  const unlock = lockFolder(path)
  t.throws(() => lockFolder(path), {
    name: 'ConfigurationError',
    message: `DATA_DIR: ${path} is in use by process ${process.pid}; stop it, or start this one with another DATA_DIR`,
  })
  t.match(readFileSync(lock, 'utf8'), new RegExp(`^${process.pid} `), 'the lock of the first caller')
  unlock()
  t.notOk(existsSync(lock))
  lockFolder(path)()
})

t.test('another process gets the same refusal', async (t) => {
  const { path } = folder()
  const unlock = lockFolder(path)
  const module = new URL('../../../src/kernel/database/folder-lock.ts', import.meta.url)
  const here = existsSync(module)
    ? module.href
    : new URL('../../../src/kernel/database/folder-lock.js', import.meta.url).href
  const script = `import(${JSON.stringify(here)}).then(({ lockFolder }) => { lockFolder(process.argv[1]); console.log('locked') })
    .catch((error) => console.log(error.message))`
  const attempt = () =>
    spawnSync(process.execPath, [...process.execArgv, '-e', script, path], { encoding: 'utf8' }).stdout
  t.match(attempt(), new RegExp(`in use by process ${process.pid}`))
  unlock()
  t.match(attempt(), /^locked/)
  // The child process ended without removing the lock, as after kill -9.
  lockFolder(path)()
})

t.test('another spelling of the path, or a link to the folder, is the same folder', async (t) => {
  const { path } = folder()
  const link = join(root, 'link')
  symlinkSync(path, link)
  const unlock = lockFolder(path)
  for (const other of [`${path}/`, join(path, '..', 'data-3'), link]) {
    t.throws(() => lockFolder(other), { message: /in use by process/ }, other)
  }
  unlock()
})

t.test('a process takes over the lock of a process that has ended', async (t) => {
  for (const left of [`${deadPid()} 12345`, `${deadPid()} -`, '', 'no lock at all', '-1 5', '0 5', 'NaN']) {
    const { path, lock } = folder()
    writeFileSync(lock, left)
    const unlock = lockFolder(path)
    t.match(readFileSync(lock, 'utf8'), new RegExp(`^${process.pid} `), left)
    unlock()
  }
})

// After a restart of the machine another process can have the old pid. The start must not fail for ever.
t.test('a process with the pid in the lock but another start time does not own the lock', async (t) => {
  if (!existsSync('/proc/self/stat')) return t.pass('this system does not report the start time of a process')
  const { path, lock } = folder()
  writeFileSync(lock, `${process.pid} 1`)
  const unlock = lockFolder(path)
  t.notMatch(readFileSync(lock, 'utf8'), / 1$/)
  unlock()
})
