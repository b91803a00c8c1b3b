import t from 'tap'
import {
  FILE_MS_MAX,
  freePort,
  runProgram,
  scratchFolder,
  startProgram,
  until,
  WIDE,
  whenReady,
} from './gateway-process.js'

t.setTimeout(FILE_MS_MAX)

t.test('npm run demo:upstream starts a foreign service behind the gateway, and stops with it', async (t) => {
  const DATA_DIR = scratchFolder(t)
  const [PORT, TRAINING_PORT] = [await freePort(), await freePort()]
  const npm = startProgram(t, 'npm', ['run', 'demo:upstream'], { ...WIDE, DATA_DIR, PORT, TRAINING_PORT })
  await whenReady(npm, PORT)
  await until(() => npm.stdout().includes('training service at'))

  await t.test('scripts/curl/upstream.sh gets the answers that it expects', async (t) => {
    const { code, stdout, stderr } = await runProgram(t, 'sh', ['scripts/curl/upstream.sh'], { DATA_DIR })
    t.equal(code, 0, `${stdout}${stderr}${npm.stdout()}${npm.stderr()}`)
    t.match(stdout, /^< \d{3}$/m)
  })

  process.kill(-(npm.child.pid as number), 'SIGTERM')
  await npm.exit
  for (const port of [PORT, TRAINING_PORT]) {
    await t.rejects(fetch(`http://127.0.0.1:${port}/`), `nobody listens on ${port} any more`)
  }
})
