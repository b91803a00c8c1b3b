import { readFileSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { connect, type Socket } from 'node:net'
import { t } from '../helpers/t.js'
import { demoFolder, FILE_MS_MAX, startGatewayProcess } from './gateway-process.js'

t.setTimeout(FILE_MS_MAX)

const HEAP_MIB = 256
const GROWTH_MIB_MAX = 64
const CONNECTIONS = 50
const PIPELINED = 400
const CPU_MS_MAX = 5
const REQUESTS = 60
const TIMES_MAX = 4
/** As many bytes as the gateway accepts in the body of an open route, and twice as many, which it refuses. */
const BODY_BYTES = [8_192, 16_384]
/** Operations that hash a password. A budget of 10 a minute for each address bounds them, so they can cost more. */
const HASHING = new Set(['logIn', 'register', 'setNewPassword'])

const gateway = await startGatewayProcess(t, {
  DATA_DIR: await demoFolder(t),
  NODE_OPTIONS: `--max-old-space-size=${HEAP_MIB}`,
  ALLOW_REGISTRATION: 'true',
  BUDGET_ADDRESS: '1000000/60',
  BUDGET_REFUSED: '1000000/60',
  BUDGET_LOGIN_ADDRESS: '1000000/60',
})
const { hostname, port } = new URL(gateway.url)

const FORM = 'application/x-www-form-urlencoded'

interface Operation {
  readonly name: string
  /** The media type of the body: a page takes a form. */
  readonly type: string
  readonly method: string
  readonly path: string
}

/** Every operation that needs no credentials, and the pages of the API reference, which are not in the contract. */
async function openOperations(): Promise<Operation[]> {
  const contract = (await (await fetch(`${gateway.url}/openapi.json`)).json()) as {
    paths: Record<string, Record<string, { operationId: string; 'x-access': string; tags: string[] }>>
  }
  const operations = Object.entries(contract.paths).flatMap(([path, methods]) =>
    Object.entries(methods)
      .filter(([, { 'x-access': access }]) => access === 'open')
      .map(([method, { operationId, tags }]) => ({
        name: operationId,
        type: tags.includes('pages') ? FORM : 'application/json',
        method: method.toUpperCase(),
        path: path.replace('{code}', 'rate_limited').replaceAll(/\{\w+\}/g, 'x'.repeat(40)),
      })),
  )
  const docs = await (await fetch(`${gateway.url}/docs`)).text()
  const files = [...docs.matchAll(/"(\/docs\/assets\/[^"]+)"/g)].map(([, path]) => path as string)
  const pages = ['/docs', '/docs/json', '/docs/yaml', '/docs/demo', '/console', ...files]
  return [...operations, ...pages.map((path) => ({ name: path, type: '', method: 'GET', path }))]
}

function memoryMib(): number {
  const [, kib] = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${processOf()}/status`, 'utf8')) ?? []
  return Number(kib) / 1024
}

/** CPU time of the gateway since its start, in milliseconds: user and system time in ticks of 10 ms. */
function cpuMs(): number {
  const stat = readFileSync(`/proc/${processOf()}/stat`, 'utf8')
  const [user = '', system = ''] = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .slice(11, 13)
  return (Number(user) + Number(system)) * 10
}

/** `env` has replaced itself with the gateway, so the child is the gateway. */
function processOf(): number {
  return gateway.child.pid as number
}

/** Bodies that are expensive to parse, of about as many bytes. */
function expensiveBodies(bytes: number): string[] {
  const names = (name: (number: number) => string) => {
    const members: string[] = []
    for (let size = 2, number = 0; size < bytes - 16; number += 1) {
      const member = name(number)
      members.push(member)
      size += member.length + 1
    }
    return members
  }
  return [
    `{${names((number) => `"${number.toString(36)}":0`).join(',')}}`,
    `[${names(() => '{}').join(',')}]`,
    `[${names(() => '1').join(',')}]`,
    `{"email":"${'\\u00e9'.repeat(bytes / 6 - 8)}"}`,
    '['.repeat(bytes - 1),
  ]
}

/** Forms that are expensive to parse, of about as many bytes. */
function expensiveForms(bytes: number): string[] {
  return [
    'a=&'.repeat(bytes / 3),
    '&'.repeat(bytes),
    `password=${'%C3%A9'.repeat(bytes / 6 - 2)}`,
    `name=${'+'.repeat(bytes - 6)}`,
    `name=${'%'.repeat(bytes - 6)}`,
  ]
}

const agent = new Agent({ keepAlive: true, maxSockets: 4 })
t.teardown(() => agent.destroy())

function send({ method, path, type }: Operation, body?: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const headers = body === undefined ? {} : { 'content-type': type }
    const outgoing = request({ hostname, port, method, path, headers, agent }, (response) => {
      response
        .on('error', reject)
        .on('end', () => resolve(response.statusCode ?? 0))
        .resume()
    })
    outgoing.on('error', reject).end(body)
  })
}

/**
 * The CPU time of one request, in milliseconds, as a mean of many. What else runs on the machine, and the compiler of the
 * engine, can only add to it. So a cost that is too high is measured again.
 */
async function costOf(operation: Operation, body?: string): Promise<number> {
  let least = Number.POSITIVE_INFINITY
  for (let time = 0; time < TIMES_MAX && least > CPU_MS_MAX; time += 1) {
    for (let number = 0; number < 8; number += 1) await send(operation, body)
    const before = cpuMs()
    await Promise.all(Array.from({ length: REQUESTS }, () => send(operation, body)))
    least = Math.min(least, (cpuMs() - before) / REQUESTS)
  }
  return least
}

// Attack: a client without credentials sends the most expensive requests that the gateway accepts.
t.test(`no open operation costs more than ${CPU_MS_MAX} ms of CPU, whatever its body`, async (t) => {
  const operations = await openOperations()
  t.ok(operations.length > 10)
  // The first requests also pay for the compilation of what all of them run.
  const first = operations.find(({ method }) => method !== 'GET') as Operation
  for (const body of BODY_BYTES.flatMap(expensiveBodies)) await costOf(first, body)
  for (const operation of operations) {
    const has_body = operation.method !== 'GET'
    const make = operation.type === FORM ? expensiveForms : expensiveBodies
    const bodies = has_body ? BODY_BYTES.flatMap(make) : [undefined]
    for (const body of bodies) {
      const cost = await costOf(operation, body)
      const name = `${operation.name} ${body?.length ?? ''} ${body?.slice(0, 12) ?? ''}: ${cost.toFixed(1)} ms`
      t.ok(cost <= CPU_MS_MAX, name)
    }
  }
  t.ok(operations.some(({ name }) => HASHING.has(name)))
})

// Attack: 50 connections send 20,000 requests in one packet each and read no response, so that the responses fill the memory.
t.test(
  `20,000 pipelined requests to an open route cost at most ${GROWTH_MIB_MAX} MiB, and the gateway lives`,
  async (t) => {
    for (const operation of await openOperations()) {
      if (operation.method !== 'GET') continue
      const before = memoryMib()
      let most = before
      const text = `GET ${operation.path} HTTP/1.1\r\nHost: x\r\n\r\n`.repeat(PIPELINED)
      const sockets: Socket[] = []
      for (let number = 0; number < CONNECTIONS; number += 1) {
        const socket = connect(Number(port), hostname).on('error', () => undefined)
        socket.pause().write(text)
        sockets.push(socket)
      }
      // Another client is answered all the time. Each response also shows that the gateway has gone on with the packets.
      for (let sample = 0; sample < 200; sample += 1) {
        t.equal((await fetch(`${gateway.url}/livez`)).status, 200)
        most = Math.max(most, memoryMib())
      }
      for (const socket of sockets) socket.destroy()
      t.ok(most - before <= GROWTH_MIB_MAX, `${operation.path}: ${before.toFixed(0)} to ${most.toFixed(0)} MiB`)
    }
    t.equal(gateway.child.exitCode, null)
  },
)
