import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseEnv } from 'node:util'
import { WebSocket } from 'ws'
import { blocksRunAs } from '../helpers/docs.js'
import { t } from '../helpers/t.js'
import {
  demoFolder,
  FILE_MS_MAX,
  freePort,
  runProgram,
  startProgram,
  until,
  WIDE,
  whenReady,
} from './gateway-process.js'

t.setTimeout(FILE_MS_MAX)

t.test('npm run demo:upstream starts a service behind the gateway, and both stop together', async (t) => {
  const DATA_DIR = await demoFolder(t)
  const [PORT, TRAINING_PORT] = [await freePort(), await freePort()]
  const npm = startProgram(t, 'npm', ['run', 'demo:upstream'], { ...WIDE, DATA_DIR, PORT, TRAINING_PORT })
  await whenReady(npm, PORT)
  await until(() => npm.stdout().includes('training service at'))

  await t.test('scripts/curl/upstream.sh gets the responses that it expects', async (t) => {
    const [command, ...others] = blocksRunAs('training')
    t.same(others, [])
    const { code, stdout, stderr } = await runProgram(t, 'sh', ['-c', String(command?.text)], { DATA_DIR })
    t.equal(code, 0, `${stdout}${stderr}${npm.stdout()}${npm.stderr()}`)
    t.match(stdout, /^< \d{3}$/m)
  })

  await t.test('the WebSocket of the service sends the state of the training twice to an owner', async (t) => {
    const demo = parseEnv(readFileSync(join(DATA_DIR, 'demo.env'), 'utf8')) as Record<string, string>
    const login = await fetch(`http://127.0.0.1:${PORT}/v1/auth/login`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ email: demo.OWNER_EMAIL, password: demo.OWNER_PASSWORD }),
    })
    const { access } = (await login.json()) as { access: string }
    const headers = {
      authorization: `Bearer ${access}`,
      'x-tenant-id': String(demo.TENANT_ID),
      'x-tenant-api-key': String(demo.TENANT_API_KEY),
    }
    const socket = new WebSocket(`ws://127.0.0.1:${PORT}/training/live`, { headers })
    const heard: unknown[] = []
    socket.on('message', (data) => heard.push(JSON.parse(String(data))))
    await until(() => heard.length >= 2)
    socket.terminate()
    t.match(heard, [{ state: String }, { state: String }])
  })

  process.kill(-(npm.child.pid as number), 'SIGTERM')
  await npm.exit
  for (const port of [PORT, TRAINING_PORT]) {
    await t.rejects(fetch(`http://127.0.0.1:${port}/`), `no process listens on ${port}`)
  }
})
