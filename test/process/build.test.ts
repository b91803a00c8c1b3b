import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { Test } from 'tap'
import { t } from '../helpers/t.js'
import { FILE_MS_MAX, runProgram, scratchFolder, startProgram, until } from './gateway-process.js'

t.setTimeout(FILE_MS_MAX)

const LOCK = '.build-lock'

/** A project of one file, with the command that compiles and its settings. */
function smallProject(t: Test): string {
  const folder = scratchFolder(t)
  mkdirSync(join(folder, 'src'), { recursive: true })
  mkdirSync(join(folder, 'scripts'))
  for (const file of ['tsconfig.json', 'scripts/build.mjs', 'package.json']) {
    cpSync(file, join(folder, file))
  }
  symlinkSync(resolve('node_modules'), join(folder, 'node_modules'))
  writeFileSync(join(folder, 'src/main.ts'), 'export const answer: number = 42\n')
  return folder
}

// Two `npm start` at the same time would compile into the files that the other one is loading.
t.test('a build waits for the build that runs, and removes its lock', async (t) => {
  const cwd = smallProject(t)
  // This test process is the one that compiles.
  writeFileSync(join(cwd, LOCK), String(process.pid))
  const waiting = startProgram(t, process.execPath, ['scripts/build.mjs'], {}, { cwd })
  await until(() => waiting.stderr().includes('waiting for it'))
  const other = smallProject(t)
  t.equal((await runProgram(t, process.execPath, ['scripts/build.mjs'], {}, { cwd: other })).code, 0)
  t.ok(existsSync(join(other, 'dist/main.js')), 'a build of another folder does not wait')
  t.notOk(existsSync(join(cwd, 'dist')), 'the first build still waits')
  rmSync(join(cwd, LOCK))
  t.match(await waiting.exit, { code: 0 })
  t.match(readFileSync(join(cwd, 'dist/main.js'), 'utf8'), /answer = 42/)
  t.notOk(existsSync(join(cwd, LOCK)))
})

t.test('a build takes the lock of a process that was killed, and returns the status of the compiler', async (t) => {
  const cwd = smallProject(t)
  const killed = startProgram(t, 'sleep', ['100'], {})
  await until(() => killed.child.pid !== undefined)
  killed.child.kill('SIGKILL')
  await killed.exit
  writeFileSync(join(cwd, LOCK), String(killed.child.pid))
  writeFileSync(join(cwd, 'src/main.ts'), 'export const answer: number = = 42\n')
  const { code, stderr } = await runProgram(t, process.execPath, ['scripts/build.mjs'], {}, { cwd })
  t.not(code, 0)
  t.match(stderr, /\[ERROR\][^\n]*\n\n +src\/main\.ts:1:/)
  t.notOk(existsSync(join(cwd, LOCK)))
})
