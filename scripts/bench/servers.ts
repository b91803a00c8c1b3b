import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { openSync } from 'node:fs'
import { createServer } from 'node:net'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { generateSigningKeys } from '../../src/kernel/config/secrets.js'
import { BUDGETS } from '../../src/kernel/limits/budgets.js'

export const POOL_MAX = 10
const START_MS_MAX = 60_000
const POLL_MS = 50
const SERVER_CORE = 0
const LOAD_CORE = 1
/** Read before this process is pinned to one core. After that, Node reports one core. */
const CORES = availableParallelism()

/** A server in a process of its own. */
export interface Server {
  readonly url: string
  readonly pid: number
  readonly close: () => Promise<void>
}

const pathOf = (relative: string) => fileURLToPath(new URL(relative, import.meta.url))

type Variables = Readonly<Record<string, string>>

/**
 * Starts the built gateway as in production. Its budgets are so large that they count but never refuse. `program` starts
 * it in another way: a path in this folder, and arguments of node before it.
 */
export async function startGateway(
  database_url: string,
  env: Variables = {},
  program: readonly string[] = [pathOf('../../dist/main.js')],
): Promise<Server> {
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  const budgets = Object.values(BUDGETS).map(({ variable }) => [variable, '9999999/60'])
  return start(url, '/readyz', program, {
    HOST: '127.0.0.1',
    PORT: String(port),
    PUBLIC_URL: url,
    DATABASE_URL: database_url,
    DATABASE_POOL_MAX: String(POOL_MAX),
    JWT_SIGNING_KEYS: generateSigningKeys(),
    LOG_LEVEL: 'warn',
    ...Object.fromEntries(budgets),
    ...env,
  })
}

/** Starts a script of this folder that the gateway is compared with. It answers 2xx on `/`. */
export async function startScript(name: string, env: Variables): Promise<Server> {
  const port = await freePort()
  return start(`http://127.0.0.1:${port}`, '/', programOf(name), { PORT: String(port), ...env })
}

/** Starts a script of this folder that the measured servers call. It runs on the core of the load. */
export async function startBehind(name: string, env: Variables): Promise<Server> {
  const port = await freePort()
  const variables = { PORT: String(port), ...env }
  return start(`http://127.0.0.1:${port}`, '/', programOf(name), variables, { core: LOAD_CORE })
}

/** The arguments with which node starts a script of this folder. */
export const programOf = (name: string): readonly string[] => ['--import', 'tsx', pathOf(`./${name}`)]

interface Where {
  /** A program that is not node. */
  readonly command?: string
  readonly core?: number
}

/** Starts a program, and waits until it answers 2xx. */
export async function start(
  url: string,
  probe: string,
  args: readonly string[],
  env: Variables,
  { command = process.execPath, core = SERVER_CORE }: Where = {},
): Promise<Server> {
  const { PATH } = process.env
  const child = spawn(command, args, {
    env: { ...(PATH !== undefined && { PATH }), NODE_ENV: 'production', ...env },
    // At the level of production there is a line for each request. To write them is a part of the work, to read them is not.
    stdio: ['ignore', env.LOG_LEVEL === 'info' ? openSync('/dev/null', 'w') : 'inherit', 'inherit'],
    // In a process group of its own: Ctrl-C at the terminal ends this process, which then stops the server after the load.
    detached: true,
  })
  child.on('error', () => undefined)
  const close = () => stop(child)
  try {
    await untilAnswering(child, url + probe)
  } catch (error) {
    await close()
    throw error
  }
  // Child processes inherit the core of this process, which is the core of the load.
  if (CORES > 1) pin(child.pid as number, core)
  return { url, pid: child.pid as number, close }
}

async function untilAnswering(child: ChildProcess, url: string): Promise<void> {
  const deadline = Date.now() + START_MS_MAX
  while (Date.now() < deadline) {
    if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null)
      throw new Error('a server ended before it answered')
    const answer = await fetch(url).catch(() => undefined)
    await answer?.body?.cancel()
    if (answer?.ok) return
    await new Promise((resolve) => setTimeout(resolve, POLL_MS))
  }
  throw new Error(`${url} did not answer`)
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.pid === undefined) return
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  child.kill('SIGTERM')
  await ended
}

/** Moves another process to the core of the load. */
export const pinBesideLoad = (pid: number): boolean => CORES > 1 && pin(pid, LOAD_CORE)

/** Pins this process, which is the load, to another core than the servers. @returns whether this machine can do that */
export function pinLoad(): boolean {
  return CORES > 1 && pin(process.pid, LOAD_CORE)
}

/** Pins all threads of a process to one core, if the system has `taskset`. */
function pin(pid: number, core: number): boolean {
  return spawnSync('taskset', ['-a', '-p', '-c', String(core), String(pid)]).status === 0
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}
