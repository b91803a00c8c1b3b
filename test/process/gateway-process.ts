import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, existsSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Test } from 'tap'

/** Compiled tests start the compiled gateway; a test that is run from its source starts the source. */
const COMPILED = import.meta.url.endsWith('.js')
const here = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url))
const nodeArguments = (path: string) => (COMPILED ? [here(`${path}.js`)] : ['--import', 'tsx', here(`${path}.ts`)])

const START_MS_MAX = 120_000
/** Processes that start one after another, on a machine that may have other things to do. */
export const FILE_MS_MAX = 280_000

export type Variables = Record<string, string>

/** Nothing of the environment of the tests reaches a process but what it needs to run at all. */
export const BARE: Variables = Object.fromEntries(
  ['PATH', 'HOME', 'TMPDIR', 'LANG'].flatMap((name) => {
    const value = process.env[name]
    return value === undefined ? [] : [[name, value]]
  }),
)

/** Budgets that a test of something else would run into. */
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
  /** What it has written so far. */
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
  // By way of env -i, because the test runner adds variables to whatever is spawned, which load its own hooks there.
  // A group of its own, so that what npm or a shell started ends with it.
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
      // It is gone already.
    }
    await exit
  })
  return { child, exit, stdout: () => stdout, stderr: () => stderr }
}

/** Runs a program to its end. */
export function runProgram(
  t: Test,
  command: string,
  args: readonly string[],
  env: Variables = {},
  options: { cwd?: string; input?: string } = {},
): Promise<Finished> {
  return startProgram(t, command, args, env, options).exit
}

/** Starts a script of the project: `src/main`, `scripts/operator`. */
export function startScript(
  t: Test,
  path: string,
  args: readonly string[],
  env: Variables,
  input = '',
): RunningProcess {
  return startProgram(t, process.execPath, [...nodeArguments(path), ...args], env, { input })
}

export interface GatewayProcess extends RunningProcess {
  readonly url: string
  readonly port: string
}

/** Starts the gateway and waits until it is ready. */
export async function startGatewayProcess(t: Test, env: Variables): Promise<GatewayProcess> {
  const port = env.PORT ?? (await freePort())
  const running = startScript(t, 'src/main', [], { ...WIDE, PORT: port, ...env })
  await whenReady(running, port)
  return { ...running, url: `http://127.0.0.1:${port}`, port }
}

/** Resolves when `/readyz` says so. */
export async function whenReady({ child, stdout, stderr }: RunningProcess, port: string): Promise<void> {
  const url = `http://127.0.0.1:${port}/readyz`
  await until(async () => {
    if (child.exitCode !== null) throw new Error(`it ended with ${child.exitCode}: ${stderr() || stdout()}`)
    return (await fetch(url).catch(() => undefined))?.status === 200
  })
}

/** Asks again and again, without a pause that would have to be long enough. */
export async function until(isTrue: () => boolean | Promise<boolean>, milliseconds_max = START_MS_MAX): Promise<void> {
  const give_up_at = Date.now() + milliseconds_max
  while (!(await isTrue())) {
    if (Date.now() > give_up_at) throw new Error(`it did not happen within ${milliseconds_max} ms`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

/** A port that nobody listens on. */
export async function freePort(): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return String(port)
}

/** A folder that is removed with the test, and a name in it that does not exist yet. */
export function scratchFolder(t: Test): string {
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true, maxRetries: 3 }))
  return join(folder, 'data')
}

const DEMO_FOLDER = '.build/demo-folder'

/**
 * A data folder as a first start leaves it, removed with the test. It is a copy: making it is most of a first start, and
 * a test of something else need not wait for that.
 */
export async function demoFolder(t: Test): Promise<string> {
  if (!existsSync(DEMO_FOLDER)) await makeDemoFolder(t)
  const folder = scratchFolder(t)
  cpSync(DEMO_FOLDER, folder, { recursive: true })
  return folder
}

/** Makes it beside its place, and moves it there whole: another test file may be at it too, and then theirs is as good. */
async function makeDemoFolder(t: Test): Promise<void> {
  const unfinished = `${DEMO_FOLDER}.${process.pid}`
  const { child, exit } = await startGatewayProcess(t, { DATA_DIR: unfinished })
  child.kill('SIGTERM')
  await exit
  try {
    renameSync(unfinished, DEMO_FOLDER)
  } catch {
    rmSync(unfinished, { recursive: true, force: true })
  }
}

/** The variables of a demo. */
export function readDemo(data_dir: string): Variables {
  const lines = readFileSync(join(data_dir, 'demo.env'), 'utf8').trim().split('\n')
  return Object.fromEntries(lines.map((line) => line.split(/=(.*)/s).slice(0, 2) as [string, string]))
}
