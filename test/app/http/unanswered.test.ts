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

// Attack: two requests at once, and away while the first is under way. The second was never told that nobody waits for
// it, and kept what it had taken: connections of an upstream, places of listeners, room for the mails of others.
t.test('an answer behind another one is told when its connection is gone, once', async (t) => {
  for (let round = 1; round <= ROUNDS; round += 1) {
    const socket = send(line('/v1/slow') + line('/v1/behind'))
    await until('both are under way', () => slow === round && asked === round)
    socket.resetAndDestroy()
    await until('it is told', () => told === round)
    answer()
  }
  t.equal(told, ROUNDS)
})

t.test('200 one whose turn comes is told at its end, once, like any other', async (t) => {
  const before = { slow, told, asked }
  const socket = send(line('/v1/slow') + line('/v1/behind'))
  let text = ''
  socket.on('data', (chunk) => {
    text += chunk
  })
  await until('both are under way', () => slow === before.slow + 1 && asked === before.asked + 1)
  answer()
  await until('both are answered', () => text.match(/200 OK/g)?.length === 2)
  await until('it is told', () => told === before.told + 1)
  socket.destroy()
  t.equal(told, before.told + 1)
})
