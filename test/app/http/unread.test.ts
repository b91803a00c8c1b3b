import { connect } from 'node:net'
import { open } from '../../../src/kernel/request/access.js'
import { startGateway } from '../../helpers/gateway.js'
import { t } from '../../helpers/t.js'
import { until } from '../../helpers/until.js'

/** More than the operating system takes for a client that does not read. */
const LARGE = 'x'.repeat(64 * 1_048_576)
const gateway = await startGateway({
  more: async (app) => {
    app.get('/large', { config: open(), schema: { response: { 200: { type: 'string' } } } }, async () => LARGE)
  },
})
t.teardown(() => gateway.close())

// Attack: the client requests a large response and reads nothing, so that the response stays in the memory of the gateway.
t.test('the gateway closes the connection of a client that leaves a large response unread', async (t) => {
  const { hostname, port } = new URL(gateway.url)
  const socket = connect(Number(port), hostname).on('error', () => undefined)
  t.teardown(() => socket.destroy())
  socket.pause().write('GET /large HTTP/1.1\r\nHost: x\r\n\r\n')
  const connections = () =>
    new Promise<number>((resolve, reject) => {
      gateway.app.server.getConnections((error, count) => (error === null ? resolve(count) : reject(error)))
    })
  await until('the gateway has the connection', async () => (await connections()) === 1)
  await until('the gateway has closed the connection', async () => (await connections()) === 0)
  t.ok(socket.bytesRead < LARGE.length)
})
