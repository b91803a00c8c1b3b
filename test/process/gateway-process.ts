import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Test } from 'tap'
import { initialise } from '../../src/kernel/database/embedded.js'

/** What `npm run build` compiles, which is what a user starts. The runner of the tests has compiled it. */
const programOf = (name: Program) => fileURLToPath(new URL(`../../../dist/${name}.js`, import.meta.url))
/** The flag saves a third of the CPU time of a start with the embedded engine: no code runs long enough to be optimised. */
const nodeArguments = (name: Program) => ['--enable-source-maps', '--liftoff-only', programOf(name)]

/** The gateway, and the commands of package.json. */
export type Program = 'main' | 'audit' | 'migrate' | 'operator' | 'upstreams'

const START_MS_MAX = 120_000
/** The time limit of a test file that starts several processes one after another on a loaded machine. */
export const FILE_MS_MAX = 280_000

export type Variables = Record<string, string>

/** The variables of the test environment that each process needs to run. It gets no others. */
export const BARE: Variables = Object.fromEntries(
  ['PATH', 'HOME', 'TMPDIR', 'LANG'].flatMap((name) => {
    const value = process.env[name]
    return value === undefined ? [] : [[name, value]]
  }),
)

/** Budgets so large that only a test of a budget exceeds them. */
export const WIDE: Variables = {
  BUDGET_LOGIN_ADDRESS: '1000/60',
  BUDGET_REFUSED: '100000/60',
  BUDGET_TENANT: '100000/60',
}

export interface Finished {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface RunningProcess {
  readonly child: ChildProcess
  readonly exit: Promise<Finished>
  /** The output of the process until now. */
  stdout(): string
  stderr(): string
}

/** Starts a program, and kills it at the end of the test if it still runs. */
export function startProgram(
  t: Test,
  command: string,
  args: readonly string[],
  env: Variables,
  { cwd = '.', input = '' } = {},
): RunningProcess {
  // The test runner adds variables to each child process, which would load its hooks. `env -i` removes them. The child
  // gets its own process group, so that the teardown also ends the processes that npm or a shell started.
  const variables = Object.entries({ ...BARE, ...env }).map(([name, value]) => `${name}=${value}`)
  const child = spawn('env', ['-i', ...variables, command, ...args], { cwd, detached: true, stdio: 'pipe' })
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  child.stdin.on('error', () => undefined).end(input)
  const exit = once(child, 'close').then(([code]) => ({ code: code as number | null, stdout, stderr }))
  t.teardown(async () => {
    try {
      process.kill(-(child.pid as number), 'SIGKILL')
    } catch {
      // The process has already ended.
    }
    await exit
  })
  return { child, exit, stdout: () => stdout, stderr: () => stderr }
}

/** Runs a program and waits until it ends. */
export function runProgram(
  t: Test,
  command: string,
  args: readonly string[],
  env: Variables = {},
  options: { cwd?: string; input?: string } = {},
): Promise<Finished> {
  return startProgram(t, command, args, env, options).exit
}

/** Starts the gateway or a command. */
export function startScript(
  t: Test,
  name: Program,
  args: readonly string[],
  env: Variables,
  input = '',
): RunningProcess {
  return startProgram(t, process.execPath, [...nodeArguments(name), ...args], env, { input })
}

/** Starts the gateway with standard output and standard error in a file, and waits until it is ready. */
export async function startGatewayInto(t: Test, file: string, env: Variables): Promise<GatewayProcess> {
  const port = await freePort()
  const command = [process.execPath, ...nodeArguments('main')]
  const variables = { ...WIDE, PORT: port, ...env }
  const running = startProgram(t, 'sh', ['-c', `exec "$0" "$@" > ${file} 2>&1`, ...command], variables)
  await whenReady(running, port)
  return { ...running, url: `http://127.0.0.1:${port}`, port }
}

export interface GatewayProcess extends RunningProcess {
  readonly url: string
  readonly port: string
}

/** Starts the gateway and waits until it is ready. */
export async function startGatewayProcess(t: Test, env: Variables): Promise<GatewayProcess> {
  const port = env.PORT ?? (await freePort())
  const running = startScript(t, 'main', [], { ...WIDE, PORT: port, ...env })
  await whenReady(running, port)
  return { ...running, url: `http://127.0.0.1:${port}`, port }
}

/** Resolves when `/readyz` returns 200. @throws if the process ends before that */
export async function whenReady({ child, stdout, stderr }: RunningProcess, port: string): Promise<void> {
  const url = `http://127.0.0.1:${port}/readyz`
  await until(async () => {
    if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}: ${stderr() || stdout()}`)
    return (await fetch(url).catch(() => undefined))?.status === 200
  })
}

/** Calls `isTrue` every 20 ms until it returns true. @throws after `milliseconds_max` */
export async function until(isTrue: () => boolean | Promise<boolean>, milliseconds_max = START_MS_MAX): Promise<void> {
  const give_up_at = Date.now() + milliseconds_max
  while (!(await isTrue())) {
    if (Date.now() > give_up_at) throw new Error(`it did not happen within ${milliseconds_max} ms`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

/** Returns a port on which no process listens. */
export async function freePort(): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return String(port)
}

/** Creates a temporary folder that the teardown removes. @returns a path in it that does not exist yet */
export function scratchFolder(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true, maxRetries: 3 }))
  return join(folder, 'data')
}

const PREPARED = { initialised: '.build/initialised-folder', demo: '.build/demo-folder' }

/**
 * Returns a data folder in which the database is initialised and nothing else is done. The teardown removes it. It is a
 * copy of one folder, because initdb takes half of the time of a first start.
 */
export async function initialisedFolder(t: Test): Promise<string> {
  await prepare(PREPARED.initialised, async (folder) => {
    mkdirSync(folder, { mode: 0o700 })
    initialise(join(folder, 'postgres'))
  })
  return copyOf(t, PREPARED.initialised)
}

/**
 * Returns a data folder with the demo, as a first start leaves it. The teardown removes it. It is a copy of one folder,
 * because creating the demo takes most of the time of a first start.
 */
export async function demoFolder(t: Test): Promise<string> {
  await prepare(PREPARED.demo, async (folder) => {
    cpSync(await initialisedFolder(t), folder, { recursive: true })
    const { child, exit } = await startGatewayProcess(t, { DATA_DIR: folder })
    child.kill('SIGTERM')
    await exit
  })
  return copyOf(t, PREPARED.demo)
}

function copyOf(t: Test, prepared: string): string {
  const folder = scratchFolder(t)
  cpSync(prepared, folder, { recursive: true })
  return folder
}

/** Makes a folder once: under another name, and renames it. If another test file was faster, its folder is used. */
async function prepare(folder: string, make: (unfinished: string) => Promise<void>): Promise<void> {
  if (existsSync(folder)) return
  const unfinished = `${folder}.${process.pid}`
  await make(unfinished)
  try {
    renameSync(unfinished, folder)
  } catch {
    rmSync(unfinished, { recursive: true, force: true })
  }
}

/** The variables in the demo.env of a data folder. */
export function readDemo(data_dir: string): Variables {
  const lines = readFileSync(join(data_dir, 'demo.env'), 'utf8').trim().split('\n')
  return Object.fromEntries(lines.map((line) => line.split(/=(.*)/s).slice(0, 2) as [string, string]))
}
