import { once } from 'node:events'
import { connect } from 'node:net'
import { open } from '../../../src/kernel/request/access.js'
import { startGateway } from '../../helpers/gateway.js'
import { ask } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'
import { until } from '../../helpers/until.js'

const gateway = await startGateway({
  more: async (app) => {
    const route = (operationId: string) => ({ config: open(), schema: { operationId, body: {} }, bodyLimit: 262_144 })
    app.post('/broken/at-once', route('atOnce'), () => {
      throw new TypeError('ours, at once')
    })
    app.post('/broken/later', route('later'), async () => {
      await new Promise((resolve) => setImmediate(resolve))
      throw new TypeError('ours, later')
    })
  },
})
t.teardown(() => gateway.close())

// The gateway used to answer 400 without a log line if the handler threw after the whole body had arrived.
t.test('500 an error in a handler, with and without a body, is logged with its message and stack', async (t) => {
  for (const path of ['/broken/at-once', '/broken/later']) {
    for (const body of [undefined, {}, { name: 'x'.repeat(100_000) }]) {
      const answer = await ask(gateway, path, { method: 'POST', body })
      t.match(answer, { status: 500, body: { code: 'internal_error' } }, path)
      t.notMatch(answer.text, /ours|TypeError/)
      const told = gateway.lines.filter((line) => line.includes(answer.body.request_id) && line.includes('"error"'))
      t.match(JSON.parse(String(told[0])), { err: { message: /^ours/, stack: /broken/ } })
    }
  }
})

t.test('a client that disconnects in the middle of a body causes no log line of level error', async (t) => {
  const { hostname, port } = new URL(gateway.url)
  const before = gateway.lines.length
  const socket = connect(Number(port), hostname)
  await once(socket, 'connect')
  const half =
    'POST /broken/later HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{"a":'
  await new Promise((resolve) => socket.write(half, resolve))
  socket.destroy()
  await until('the refusal', () => gateway.lines.slice(before).some((line) => line.includes('malformed_request')))
  t.same(
    gateway.lines.slice(before).filter((line) => line.includes('"level":"error"')),
    [],
  )
})
