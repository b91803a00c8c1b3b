import {
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
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
  for (const file of [
    'tsconfig.json',
    'scripts/build.mjs',
    'scripts/build-stamp.mjs',
    'scripts/start.mjs',
    'package.json',
  ]) {
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

/** Makes a file older than any compilation of the test, as the files of a clone are. */
function age(file: string): void {
  const an_hour_ago = Date.now() / 1000 - 3600
  utimesSync(file, an_hour_ago, an_hour_ago)
}

const COMPILES = /^compiling \((.*)\) \.\.\.$/m

t.test('a start compiles after each change of a file, and after no other start', async (t) => {
  const cwd = smallProject(t)
  const write = (name: string, text: string) => {
    writeFileSync(join(cwd, name), text)
    age(join(cwd, name))
  }
  for (const name of ['tsconfig.json', 'package.json', 'scripts/build.mjs']) age(join(cwd, name))
  write('src/part.ts', 'export const part: number = 1\n')
  write('src/main.ts', "import { part } from './part.js'\nconsole.log('part', part)\n")
  const start = async () => {
    const { code, stdout, stderr } = await runProgram(t, process.execPath, ['scripts/start.mjs'], {}, { cwd })
    return { code, stdout, reason: COMPILES.exec(stderr)?.[1] }
  }
  t.same(await start(), { code: 0, stdout: 'part 1\n', reason: 'the first start of this clone' })
  t.same(await start(), { code: 0, stdout: 'part 1\n', reason: undefined }, 'no file changed')

  // Of the same size, so that the time and the contents decide.
  write('src/part.ts', 'export const part: number = 2\n')
  utimesSync(join(cwd, 'src/part.ts'), 1_000_000, 1_000_000)
  t.same(await start(), { code: 0, stdout: 'part 2\n', reason: 'src/part.ts changed' })
  utimesSync(join(cwd, 'src/part.ts'), 2_000_000, 2_000_000)
  t.same(await start(), { code: 0, stdout: 'part 2\n', reason: undefined }, 'another time, and the same contents')

  write('src/part.js', 'export const part = 3\n')
  t.equal((await start()).reason, 'files of the sources were added or removed')
  rmSync(join(cwd, 'src/part.js'))
  t.same(await start(), { code: 0, stdout: 'part 2\n', reason: 'files of the sources were added or removed' })

  const lock = readFileSync('node_modules/.package-lock.json')
  rmSync(join(cwd, 'node_modules'))
  mkdirSync(join(cwd, 'node_modules'))
  symlinkSync(resolve('node_modules/esbuild'), join(cwd, 'node_modules/esbuild'))
  write('node_modules/.package-lock.json', `${lock}\n`)
  t.equal((await start()).reason, 'node_modules/.package-lock.json changed', 'another installation of packages')
  t.equal((await start()).reason, undefined)

  rmSync(join(cwd, 'src/part.ts'))
  t.not((await start()).code, 0, 'a deleted file that is still imported')
})

t.test(
  'a start compiles again after an interrupted compilation, and if a compiled file is missing or cut',
  async (t) => {
    const cwd = smallProject(t)
    for (const name of ['tsconfig.json', 'package.json', 'scripts/build.mjs', 'src/main.ts']) age(join(cwd, name))
    const start = async () => {
      const { code, stderr } = await runProgram(t, process.execPath, ['scripts/start.mjs'], {}, { cwd })
      t.equal(code, 0, stderr)
      return COMPILES.test(stderr)
    }
    const [main, stamp] = [join(cwd, 'dist/main.js'), join(cwd, 'dist/.stamp.json')]
    t.equal(await start(), true)
    rmSync(main)
    t.equal(await start(), true, 'a missing file')
    truncateSync(main, 10)
    t.equal(await start(), true, 'a cut file')
    // A compilation removes the stamp before it writes, and writes it last.
    rmSync(stamp)
    t.equal(await start(), true, 'no stamp')
    truncateSync(stamp, 20)
    t.equal(await start(), true, 'a cut stamp')
    t.equal(await start(), false, 'nothing changed')
    t.notOk(existsSync(join(cwd, 'dist/.stamp.json.new')))
  },
)

// The compiler may have read the file before the change.
t.test('a file that changes while the compiler runs is compiled by the next start', async (t) => {
  const cwd = smallProject(t)
  const later = Date.now() / 1000 + 60
  utimesSync(join(cwd, 'src/main.ts'), later, later)
  t.equal((await runProgram(t, process.execPath, ['scripts/build.mjs'], {}, { cwd })).code, 0)
  t.ok(statSync(join(cwd, 'dist/main.js')).size > 0)
  t.notOk(existsSync(join(cwd, 'dist/.stamp.json')))
})
