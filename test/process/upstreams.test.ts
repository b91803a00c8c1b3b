import { once } from 'node:events'
import { existsSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { Test } from 'tap'
import { t } from '../helpers/t.js'
import {
  demoFolder,
  FILE_MS_MAX,
  readDemo,
  scratchFolder,
  startGatewayProcess,
  startScript,
  until,
} from './gateway-process.js'

t.setTimeout(FILE_MS_MAX)
const HANG_UPS = 15

const GOOD = `upstreams:
  - name: files
    prefix: /files
    origin: http://127.0.0.1:9
    routes: [{ method: GET, path: /one, scopes: [audit:view] }]
`
const BAD = GOOD.replace('origin', 'orign').replace('audit:view', 'audit:see')
const MORE = GOOD.replace('routes: [', 'routes: [{ method: GET, path: /two, scopes: [] }, ')

t.test('an invalid manifest gets the same messages from the command and the start', async (t) => {
  const folder = t.testdir({ 'good.yaml': GOOD, 'bad.yaml': BAD })
  const check = (file: string) => startScript(t, 'upstreams', ['check', join(folder, file)], {}).exit
  t.match(await check('good.yaml'), { code: 0, stdout: /good\.yaml is good: 1 upstreams, 1 routes, 0 scopes/ })
  const checked = await check('bad.yaml')
  t.equal(checked.code, 1)
  t.match(checked.stderr, /bad\.yaml:2: upstreams\[0\] needs origin\n/)
  t.match(checked.stderr, /bad\.yaml:4: upstreams\[0\]\.orign is not known here\n/)
  const data_dir = scratchFolder(t)
  const variables = { UPSTREAMS_FILE: join(folder, 'bad.yaml'), DATA_DIR: data_dir, PORT: '0' }
  const started = await startScript(t, 'main', [], variables).exit
  t.equal(started.code, 1)
  t.equal(started.stderr, `gatehouse: ${checked.stderr}`)
  t.notOk(existsSync(data_dir), 'no data folder')
  t.equal((await startScript(t, 'upstreams', ['chek'], {}).exit).code, 1)
})

t.test('SIGHUP reloads the manifest, and an invalid one changes nothing', async (t) => {
  const file = join(t.testdir({ 'upstreams.yaml': GOOD }), 'upstreams.yaml')
  const running = await startGatewayProcess(t, { UPSTREAMS_FILE: file, DATA_DIR: await demoFolder(t) })
  const status = async (path: string) => (await fetch(running.url + path)).status
  const hangUp = async (manifest: string, said: RegExp) => {
    const before = running.stdout().length
    writeFileSync(file, manifest)
    running.child.kill('SIGHUP')
    await until(() => said.test(running.stdout().slice(before)))
  }
  t.same([await status('/files/one'), await status('/files/two')], [401, 404])
  await hangUp(MORE, /manifest of upstreams reloaded/)
  t.same([await status('/files/one'), await status('/files/two')], [401, 401])
  await hangUp(BAD, /manifest of upstreams not reloaded/)
  t.same([await status('/files/one'), await status('/files/two')], [401, 401])
  t.match(running.stdout(), /upstreams\.yaml:4: upstreams\[0\]\.orign is not known here/)
  running.child.kill('SIGTERM')
  t.equal((await running.exit).code, 0)
})

// A reload at the busiest time of the day must not make requests fail.
t.test('SIGHUP under load makes no request fail, for each kind of change', async (t) => {
  const origins = [await startService(t), await startService(t)]
  const manifest = (origin: string, more = '') => `upstreams:
  - name: files
    prefix: /files
    ${origin}
    routes: [{ method: GET, path: /one, scopes: [conversations:view] }, { method: POST, path: /one, scopes: [conversations:view] }${more}]
`
  const [first, second] = origins as [string, string]
  const changes = [
    manifest(`origin: ${first}`, ', { method: GET, path: /two, scopes: [] }'),
    manifest(`origin: [${first}, ${second}]`),
    manifest(`origin: ${second}`),
    manifest(`origin: ${second}\n    connections_max: 64`),
    manifest(`origin: ${first}`),
  ]
  const file = join(t.testdir({ 'upstreams.yaml': manifest(`origin: ${first}`) }), 'upstreams.yaml')
  const DATA_DIR = await demoFolder(t)
  const running = await startGatewayProcess(t, { UPSTREAMS_FILE: file, DATA_DIR })
  const demo = readDemo(DATA_DIR)
  const headers = { 'x-tenant-id': String(demo.TENANT_ID), 'x-tenant-api-key': String(demo.INTEGRATION_API_KEY) }

  const outcomes: Record<string, number> = {}
  let is_over = false
  const caller = async (number: number) => {
    while (!is_over) {
      const body = number % 2 === 0 ? undefined : 'x'.repeat(50_000)
      const outcome = await fetch(
        `${running.url}/files/one`,
        body === undefined ? { headers } : { headers, method: 'POST', body },
      )
        .then(async (answer) => `${answer.status} ${await answer.text()}`)
        .catch((error: Error) => String(error.cause ?? error))
      outcomes[outcome] = (outcomes[outcome] ?? 0) + 1
    }
  }
  const answered = () => outcomes['200 served'] ?? 0
  const callers = Array.from({ length: 12 }, (_, number) => caller(number))
  for (let round = 0; round < HANG_UPS; round += 1) {
    const [before, said] = [answered(), running.stdout().length]
    // Each reload happens while requests are in flight.
    await until(() => answered() >= before + 30)
    writeFileSync(file, changes[round % changes.length] as string)
    running.child.kill('SIGHUP')
    await until(() => running.stdout().slice(said).includes('manifest of upstreams reloaded'))
  }
  is_over = true
  await Promise.all(callers)
  t.same(Object.keys(outcomes), ['200 served'], JSON.stringify(outcomes))
  t.ok(answered() >= HANG_UPS * 30, `${answered()} requests through ${HANG_UPS} changes`)
})

/** Starts a service that responds after 15 ms, so that requests are always in flight. */
async function startService(t: Test): Promise<string> {
  const server = createServer((request, response) => {
    request.resume().on('end', () => setTimeout(() => response.end('served'), 15))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}
