import { connect } from 'node:net'
import { open } from '../../../src/kernel/request/access.js'
import { startGateway } from '../../helpers/gateway.js'
import { t } from '../../helpers/t.js'
import { until } from '../../helpers/until.js'

const ROUNDS = 5
let slow = 0
let told = 0
let asked = 0
let answer: () => void = () => undefined
const gateway = await startGateway({
  more: async (app) => {
    const schema = { response: { 200: {} } }
    app.get('/v1/slow', { config: open(), schema }, async () => {
      slow += 1
      await new Promise<void>((resolve) => {
        answer = resolve
      })
      return {}
    })
    app.get('/v1/behind', { config: open(), schema }, async (_request, reply) => {
      asked += 1
      reply.raw.once('close', () => {
        told += 1
      })
      return {}
    })
  },
})
t.teardown(() => gateway.close())

const line = (path: string) => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`
function send(text: string) {
  const { hostname, port } = new URL(gateway.url)
  const socket = connect(Number(port), hostname).on('error', () => undefined)
  socket.write(text)
  return socket
}

// Attack: the client pipelines two requests and disconnects while the first one runs. The response of the second request
// once got no close event. It kept its resources: upstream connections, places of subscribers, room in the mail queue.
t.test('the response of a pipelined second request emits close once when the connection closes', async (t) => {
  for (let round = 1; round <= ROUNDS; round += 1) {
    const socket = send(line('/v1/slow') + line('/v1/behind'))
    await until('both handlers run', () => slow === round && asked === round)
    socket.resetAndDestroy()
    await until('the second response emits close', () => told === round)
    answer()
  }
  t.equal(told, ROUNDS)
})

t.test('200 the response of a pipelined second request emits close once when it ends', async (t) => {
  const before = { slow, told, asked }
  const socket = send(line('/v1/slow') + line('/v1/behind'))
  let text = ''
  socket.on('data', (chunk) => {
    text += chunk
  })
  await until('both handlers run', () => slow === before.slow + 1 && asked === before.asked + 1)
  answer()
  await until('both responses arrive', () => text.match(/200 OK/g)?.length === 2)
  await until('the second response emits close', () => told === before.told + 1)
  socket.destroy()
  t.equal(told, before.told + 1)
})
