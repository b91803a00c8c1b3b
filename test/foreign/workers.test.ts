import { connect } from 'node:net'
import { generateSigningKeys } from '../../src/kernel/config/secrets.js'
import { startGateway } from '../helpers/gateway.js'
import { ask } from '../helpers/requests.js'
import { t } from '../helpers/t.js'
import { buildWorld } from '../helpers/world.js'
import {
  demoFolder,
  FILE_MS_MAX,
  freePort,
  type GatewayProcess,
  startGatewayProcess,
  startScript,
  until,
} from '../process/gateway-process.js'

const WORKERS = 3
const REQUESTS = 60

t.setTimeout(FILE_MS_MAX)
const signing_keys = generateSigningKeys()
// Makes the world and no request of the test.
const maker = await startGateway({ signing_keys })
t.teardown(() => maker.close())
const world = await buildWorld(maker)
const owner = await world.bearer('owner')
await maker.app.close()
const { url } = maker.test_database
if (url === undefined) throw new Error('set TEST_DATABASE_URL: an embedded database has one process')
const variables = {
  NODE_ENV: 'production',
  HOST: '127.0.0.1',
  PUBLIC_URL: 'http://gateway.test',
  DATABASE_URL: url,
  JWT_SIGNING_KEYS: signing_keys,
  WORKERS: String(WORKERS),
}
const metrics_port = await freePort()
const gateway = await startGatewayProcess(t, { ...variables, METRICS_PORT: metrics_port })

/** The lines of the log that have a text. */
const linesWith = (text: string) =>
  gateway
    .stdout()
    .split('\n')
    .filter((line) => line.includes(text))
const pidsOf = () => linesWith('Server listening').map((line) => (JSON.parse(line) as { pid: number }).pid)
const metric = async (pattern: RegExp) => {
  const page = await (await fetch(`http://127.0.0.1:${metrics_port}/metrics`)).text()
  return Number(pattern.exec(page)?.[1])
}
const replicas = () => metric(/^gatehouse_replicas (\d+)$/m)
const isAlive = (pid: number) => {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}
const answers = async (on: Pick<GatewayProcess, 'url'>) => (await fetch(`${on.url}/livez`)).status === 200

t.test('the workers serve one port, each is a replica, and the metrics are those of all', async (t) => {
  await until(async () => (await replicas()) === WORKERS)
  // A worker is a replica a moment before it listens.
  await until(() => new Set(pidsOf()).size === WORKERS)
  const served = /^gatehouse_requests_total\{method="GET",route="\/v1\/me",status="200"\} (\d+)$/m
  for (let request = 0; request < REQUESTS; request += 1) {
    const { status } = await ask(gateway, '/v1/me', { headers: { ...owner, connection: 'close' } })
    t.equal(status, 200)
  }
  await until(async () => (await metric(served)) === REQUESTS)
  const lines = linesWith('"route":"/v1/me"').map((line) => (JSON.parse(line) as { pid: number }).pid)
  t.equal(lines.length, REQUESTS, 'each request is one line')
  t.equal(new Set(lines).size, WORKERS, 'the workers take turns')
})

// Attack on availability: one worker that hangs would hide what all the others tell.
t.test('the metrics of the others are there while one worker does not answer', async (t) => {
  const [hanging] = pidsOf() as [number]
  process.kill(hanging, 'SIGSTOP')
  try {
    const page = await (await fetch(`http://127.0.0.1:${metrics_port}/metrics`)).text()
    t.match(page, /^gatehouse_replicas \d+$/m)
  } finally {
    process.kill(hanging, 'SIGCONT')
  }
  // It missed its lease, and comes back by itself.
  await until(async () => (await replicas()) === WORKERS)
})

t.test('a worker that is killed is started again, and the others serve meanwhile', async (t) => {
  const [victim] = pidsOf() as [number]
  process.kill(victim, 'SIGKILL')
  await until(() => linesWith('a worker has ended').length === 1)
  t.match(JSON.parse(linesWith('a worker has ended')[0] as string), { worker_pid: victim, signal: 'SIGKILL' })
  t.ok(await answers(gateway))
  await until(() => pidsOf().length === WORKERS + 1)
  await until(async () => (await replicas()) === WORKERS)
})

// Attack on availability: node:cluster gives a connection to a worker, and forgets it if the worker dies before it takes it.
t.test('a connection that a worker has not taken when it dies is closed', async (t) => {
  const victim = pidsOf().at(-1) as number
  process.kill(victim, 'SIGSTOP')
  const clients = Array.from({ length: WORKERS + 1 }, () => {
    const socket = connect(Number(new URL(gateway.url).port), '127.0.0.1')
    socket.write('GET /livez HTTP/1.1\r\nhost: gateway.test\r\nconnection: close\r\n\r\n')
    let text = ''
    socket.on('data', (bytes) => {
      text += bytes
    })
    socket.on('error', () => undefined)
    const ended = new Promise<string>((resolve) => socket.on('close', () => resolve(text)))
    return { socket, ended, answer: () => text }
  })
  t.teardown(() => clients.map(({ socket }) => socket.destroy()))
  await until(() => clients.filter(({ answer }) => answer() !== '').length === WORKERS)
  process.kill(victim, 'SIGKILL')
  const answers = await Promise.all(clients.map(({ ended }) => ended))
  t.equal(answers.filter((text) => text.startsWith('HTTP/1.1 200')).length, WORKERS)
  t.equal(answers.filter((text) => text === '').length, 1, 'the client knows, and can ask again')
  await until(async () => pidsOf().length === WORKERS + 2 && (await replicas()) === WORKERS)
})

// Attack on availability: node:cluster keeps a connection that the last worker returns while it closes, for ever.
t.test('no connection stays without an answer when all workers end at once', async (t) => {
  const started = pidsOf().length
  const port = Number(new URL(gateway.url).port)
  const ends: Promise<void>[] = []
  const open = () => {
    const socket = connect(port, '127.0.0.1')
    socket.write('GET /livez HTTP/1.1\r\nhost: gateway.test\r\nconnection: close\r\n\r\n')
    socket.on('data', () => undefined)
    socket.on('error', () => undefined)
    ends.push(new Promise((resolve) => socket.on('close', () => resolve())))
  }
  const opening = setInterval(() => {
    for (let connection = 0; connection < 3; connection += 1) open()
  }, 3)
  for (const pid of pidsOf().filter(isAlive)) process.kill(pid, 'SIGTERM')
  await until(() => linesWith('"msg":"stopped"').length >= WORKERS)
  clearInterval(opening)
  await Promise.all(ends)
  t.ok(ends.length > 50, `${ends.length} connections, and each has ended`)
  await until(async () => pidsOf().length === started + WORKERS && (await replicas()) === WORKERS)
})

t.test('SIGTERM ends all workers, with readiness first, and the exit code is 0', async (t) => {
  gateway.child.kill('SIGTERM')
  await until(async () => (await fetch(`${gateway.url}/readyz`)).status === 503)
  const { headers } = await fetch(`${gateway.url}/livez`)
  t.equal(headers.get('connection'), 'close', 'a client takes its next request elsewhere')
  const { code, stdout, stderr } = await gateway.exit
  t.equal(code, 0)
  t.equal(stderr, '')
  t.equal(stdout.split('\n').filter((line) => line.includes('"msg":"stopped"')).length, 2 * WORKERS)
})

t.test('a fault in the start is told once, and ends the whole', async (t) => {
  const cases = {
    'a database that does not answer': { DATABASE_URL: 'postgres://u:p@127.0.0.1:1/x' },
    'a port that is taken': { PORT: metrics_port },
  }
  const taken = await startGatewayProcess(t, { ...variables, WORKERS: '1', PORT: metrics_port })
  for (const [what, wrong] of Object.entries(cases)) {
    const started = startScript(t, 'main', [], { ...variables, PORT: await freePort(), ...wrong })
    const { code, stderr } = await started.exit
    t.equal(code, 1, what)
    t.match(stderr, /^gatehouse: .*\n$/, what)
  }
  taken.child.kill('SIGTERM')
  await taken.exit
})

// Attack on availability: workers that outlive their process would keep its port.
t.test('workers end when the process that started them is killed', async (t) => {
  const doomed = await startGatewayProcess(t, variables)
  doomed.child.kill('SIGKILL')
  const isFree = () =>
    new Promise<boolean>((resolve) => {
      const socket = connect(Number(doomed.port), '127.0.0.1')
      socket.once('connect', () => resolve(false)).once('error', () => resolve(true))
      socket.once('connect', () => socket.destroy())
    })
  await until(isFree)
  t.ok(await isFree())
})

t.test('the embedded database has one process, and the log says so', async (t) => {
  const embedded = await startGatewayProcess(t, { WORKERS: '3', DATA_DIR: await demoFolder(t) })
  t.match(embedded.stdout(), /WORKERS has no effect without DATABASE_URL/)
  embedded.child.kill('SIGTERM')
  t.equal((await embedded.exit).code, 0)
})
