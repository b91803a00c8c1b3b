import { open } from '../../../src/kernel/request/access.js'
import { startGateway } from '../../helpers/gateway.js'
import { t } from '../../helpers/t.js'

/** Its UTF-8 bytes are cut inside of characters by any piece with an even size. */
const TEXT = `x${'é'.repeat(300_000)}`
const BYTES = Buffer.from(TEXT)
const gateway = await startGateway({
  more: async (app) => {
    const config = open()
    app.get('/text', { config, schema: { response: { 200: { type: 'string' } } } }, async () => TEXT)
    app.get('/bytes', { config, schema: { response: { 200: {} } } }, async (_request, reply) =>
      reply.type('application/octet-stream').send(BYTES),
    )
    app.get('/small', { config, schema: { response: { 200: { type: 'string' } } } }, async () => 'small')
  },
})
t.teardown(() => gateway.close())

t.test('200 a large response arrives whole, with its length', async (t) => {
  for (const path of ['/text', '/bytes']) {
    const response = await fetch(gateway.url + path)
    t.equal(response.status, 200)
    t.equal(response.headers.get('content-length'), String(BYTES.length))
    t.ok(Buffer.from(await response.arrayBuffer()).equals(BYTES))
    const head = await fetch(gateway.url + path, { method: 'HEAD' })
    t.equal(head.headers.get('content-length'), String(BYTES.length))
  }
})

// Attack: 50 clients ask for a large document at once, and a request of somebody else waits until all of it is sent.
t.test('200 a small response comes before large ones that others asked for earlier', async (t) => {
  const ended: string[] = []
  const ask = async (path: string) => {
    await (await fetch(gateway.url + path)).arrayBuffer()
    ended.push(path)
  }
  const large = Array.from({ length: 50 }, () => ask('/bytes'))
  await large[0]
  await ask('/small')
  t.ok(ended.length < 50, `${ended.length} responses have ended`)
  await Promise.all(large)
  t.equal(ended.length, 51)
})
