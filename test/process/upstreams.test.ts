import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { demoFolder, FILE_MS_MAX, scratchFolder, startGatewayProcess, startScript, until } from './gateway-process.js'

t.setTimeout(FILE_MS_MAX)

const GOOD = `upstreams:
  - name: files
    prefix: /files
    origin: http://127.0.0.1:9
    routes: [{ method: GET, path: /one, scopes: [audit:view] }]
`
const BAD = GOOD.replace('origin', 'orign').replace('audit:view', 'audit:see')
const MORE = GOOD.replace('routes: [', 'routes: [{ method: GET, path: /two, scopes: [] }, ')

t.test('a manifest that is not good: the command and the start say the same, and nothing is left behind', async (t) => {
  const folder = t.testdir({ 'good.yaml': GOOD, 'bad.yaml': BAD })
  const check = (file: string) => startScript(t, 'scripts/upstreams', ['check', join(folder, file)], {}).exit
  t.match(await check('good.yaml'), { code: 0, stdout: /good\.yaml is good: 1 upstreams, 1 routes, 0 scopes/ })
  const checked = await check('bad.yaml')
  t.equal(checked.code, 1)
  t.match(checked.stderr, /bad\.yaml:2: upstreams\[0\] needs origin\n/)
  t.match(checked.stderr, /bad\.yaml:4: upstreams\[0\]\.orign is not known here\n/)
  const data_dir = scratchFolder(t)
  const variables = { UPSTREAMS_FILE: join(folder, 'bad.yaml'), DATA_DIR: data_dir, PORT: '0' }
  const started = await startScript(t, 'src/main', [], variables).exit
  t.equal(started.code, 1)
  t.equal(started.stderr, `gatehouse: ${checked.stderr}`)
  t.notOk(existsSync(data_dir), 'no database was made')
  t.equal((await startScript(t, 'scripts/upstreams', ['chek'], {}).exit).code, 1)
})

t.test('SIGHUP reads the manifest again while it runs', async (t) => {
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
  await hangUp(MORE, /the upstreams were read again/)
  t.same([await status('/files/one'), await status('/files/two')], [401, 401])
  await hangUp(BAD, /the upstreams stay as they were/)
  t.same([await status('/files/one'), await status('/files/two')], [401, 401])
  t.match(running.stdout(), /upstreams\.yaml:4: upstreams\[0\]\.orign is not known here/)
  running.child.kill('SIGTERM')
  t.equal((await running.exit).code, 0)
})
