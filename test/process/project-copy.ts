import { cpSync, existsSync, mkdirSync, readdirSync, symlinkSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { Test } from 'tap'
import type { Block } from '../helpers/docs.js'
import { type RunningProcess, scratchFolder, startProgram, type Variables } from './gateway-process.js'

/** Separates the outputs of blocks that run in one shell. */
const MARK = '-- end of a block --'
const ENTRIES = [
  'src',
  'test',
  'scripts',
  'docs',
  'migrations',
  'package.json',
  'package-lock.json',
  'openapi.yaml',
  'drizzle.config.ts',
]

/** A copy of the project with the installed packages, for commands that write files. */
export interface ProjectCopy {
  readonly folder: string
  /** Starts a shell in the folder. */
  run(t: Test, script: string, env?: Variables): RunningProcess
  /**
   * Runs blocks in one shell, as a reader does in one terminal, and fails the test if one of them fails.
   * @returns what each of them printed
   */
  runInOneShell(t: Test, blocks: readonly Block[], env?: Variables): Promise<ReadonlyMap<Block, string>>
}

/** Creates a copy that the teardown removes. */
export function copyOfTheProject(t: Test): ProjectCopy {
  const folder = scratchFolder(t)
  mkdirSync(folder)
  for (const entry of [...ENTRIES, ...readdirSync('.').filter((name) => /^tsconfig.*\.json$/.test(name))]) {
    if (existsSync(entry)) cpSync(entry, join(folder, entry), { recursive: true })
  }
  symlinkSync(resolve('node_modules'), join(folder, 'node_modules'))
  const run: ProjectCopy['run'] = (t, script, env = {}) => startProgram(t, 'sh', ['-c', script], env, { cwd: folder })
  return {
    folder,
    run,
    async runInOneShell(t, blocks, env) {
      t.ok(blocks.length > 0, 'the number of blocks')
      const script = blocks.map(({ text }) => `${text}\nprintf '\\n%s\\n' '${MARK}'`)
      const { code, stdout, stderr } = await run(t, ['set -eu', ...script].join('\n'), env).exit
      t.equal(code, 0, code === 0 ? 'each command succeeds' : `${stdout}\n${stderr}`)
      const outputs = stdout.split(`\n${MARK}\n`)
      return new Map(blocks.map((block, position) => [block, outputs[position] ?? '']))
    },
  }
}
