import { once } from 'node:events'
import { request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http'
import { t } from '../../../helpers/t.js'
import { keyHeaders } from '../../../helpers/world.js'
import { everything, startBehindGateway } from '../behind-gateway.js'
import { startService } from '../services.js'

/** The responses of the service that wait for their body, by path. */
const waiting = new Map<string, ServerResponse>()
const service = await startService((request, response) => {
  const path = String(request.url)
  response.writeHead(path === '/fails' ? 503 : 200, {
    'content-type': 'text/plain; x="\xe9\xff"',
    ...(path === '/length' && { 'content-length': 4 }),
  })
  response.write(Buffer.alloc(0))
  waiting.set(path, response)
})
t.teardown(() => service.close())
const { gateway, world } = await startBehindGateway(t, [everything(service.origin)])
const headers = keyHeaders(world.acme)

/** Sends a request and returns the response when its head has arrived. */
async function headOf(path: string): Promise<IncomingMessage> {
  const outgoing = httpRequest(`${gateway.url}/hostile${path}`, { headers })
  outgoing.on('error', () => undefined).end()
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage]
  return response
}

// `fetch` and `EventSource` of a page open when the head arrives. A stream can send its first byte much later.
for (const path of ['/chunked', '/length']) {
  t.test(`200 the head of a response arrives before the first byte of its body: ${path}`, async (t) => {
    const response = await headOf(path)
    t.equal(response.statusCode, 200)
    t.equal(response.headers['content-type'], 'text/plain; x="\xe9\xff"', 'the bytes of the header are unchanged')
    waiting.get(path)?.end('body')
    let text = ''
    for await (const chunk of response.setEncoding('utf8')) text += chunk
    t.equal(text, 'body')
  })
}

t.test('503 a service that breaks off after the head: the client receives the status', async (t) => {
  const response = await headOf('/fails')
  t.equal(response.statusCode, 503)
  waiting.get('/fails')?.destroy()
  response.on('error', () => undefined).resume()
  await new Promise((resolve) => response.once('close', resolve))
  t.notOk(response.complete, 'the response is visibly cut off')
})
