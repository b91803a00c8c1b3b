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

/** The pid of a process that has ended, and was waited for. */
function deadPid(): number {
  return spawnSync(process.execPath, ['-e', '']).pid
}

// Stops two processes on one folder: the embedded engine would lose rows that were acknowledged.
t.test('a folder that a living process has is refused, and the refusal names it', async (t) => {
  const { path, lock } = folder()
  const unlock = lockFolder(path)
  t.throws(() => lockFolder(path), {
    name: 'ConfigurationError',
    message: `DATA_DIR: ${path} is in use by process ${process.pid}; stop it, or start this one with another DATA_DIR`,
  })
  t.match(readFileSync(lock, 'utf8'), new RegExp(`^${process.pid} `), 'the lock is still that of its owner')
  unlock()
  t.notOk(existsSync(lock))
  lockFolder(path)()
})

t.test('another process is refused as well', async (t) => {
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
  // That process ended without giving it back, as after kill -9.
  lockFolder(path)()
})

t.test('another spelling of the folder, or a link to it, is the same folder', async (t) => {
  const { path } = folder()
  const link = join(root, 'link')
  symlinkSync(path, link)
  const unlock = lockFolder(path)
  for (const other of [`${path}/`, join(path, '..', 'data-3'), link]) {
    t.throws(() => lockFolder(other), { message: /in use by process/ }, other)
  }
  unlock()
})

t.test('the lock of a process that died is taken over', async (t) => {
  for (const left of [`${deadPid()} 12345`, `${deadPid()} -`, '', 'no lock at all', '-1 5', '0 5', 'NaN']) {
    const { path, lock } = folder()
    writeFileSync(lock, left)
    const unlock = lockFolder(path)
    t.match(readFileSync(lock, 'utf8'), new RegExp(`^${process.pid} `), left)
    unlock()
  }
})

// Stops a restarted machine, where some other process has the old pid by now, from refusing for ever.
t.test('a pid that was given to another process since is not its owner', async (t) => {
  if (!existsSync('/proc/self/stat')) return t.pass('this system does not tell when a process started')
  const { path, lock } = folder()
  writeFileSync(lock, `${process.pid} 1`)
  const unlock = lockFolder(path)
  t.notMatch(readFileSync(lock, 'utf8'), / 1$/)
  unlock()
})
