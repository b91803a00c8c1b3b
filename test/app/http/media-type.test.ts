import { startGateway } from '../../helpers/gateway.js'
import { ask } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'
import { buildWorld } from '../../helpers/world.js'
import { expectProblem } from '../pipeline/expect-problem.js'
import { head, sendBytes } from './raw-socket.js'

const gateway = await startGateway()
t.teardown(() => gateway.close())
const world = await buildWorld(gateway)
const owner = Object.entries(await world.as('owner')).map(([name, value]) => `${name}: ${value}`)
const body = '{"name":"A"}'
const post = (...types: string[]) => {
  const lines = types.map((type) => `Content-Type:${type}`)
  const request = head('POST /v1/customers HTTP/1.1', 'Host: x', `Content-Length: ${body.length}`, ...owner, ...lines)
  return sendBytes(gateway, request + body)
}

// Attack: the client sends a media type that the gateway and the parser understand differently, to skip the validation.
t.test('415 a body whose Content-Type is not application/json', async (t) => {
  expectProblem(t, await post(), 415, 'unsupported_media_type', 'no media type')
  const others = [
    ' ',
    ' text/plain',
    ' application/x-www-form-urlencoded',
    ' multipart/form-data; boundary=x',
    ' text/json',
    ' application/jsonx',
    ' application/problem+json',
    ' application/vnd.api+json',
    ' application/json, text/plain',
    ' application/json garbage',
    ' application',
    ' garbage',
    ' */*',
    ' application/*',
    ' ;application/json',
    ' "application/json"',
    ' application/json/x',
  ]
  for (const type of others) expectProblem(t, await post(type), 415, 'unsupported_media_type', type)
})

t.test('201 application/json in each allowed spelling', async (t) => {
  for (const type of [
    ' application/json',
    ' application/json; charset=utf-8',
    ' Application/JSON;charset="UTF-8"',
    '  application/json',
    ' application/json\t',
  ]) {
    t.equal((await post(type)).status, 201, type)
  }
})

t.test('415 on every route that takes a body, but only after the caller is authorised', async (t) => {
  const text = { 'content-type': 'text/plain' }
  const login = await ask(gateway, '/v1/auth/login', { method: 'POST', headers: text })
  expectProblem(t, login, 415, 'unsupported_media_type')
  const stranger = await ask(gateway, '/v1/customers', { method: 'POST', headers: text })
  expectProblem(t, stranger, 401, 'tenant_credentials_required', 'row 3 before row 13')
})

// Attack: the client sends a compressed body. The gateway checks the bytes, and a server behind it decompresses them.
t.test('415 a body with Content-Encoding: gzip', async (t) => {
  const headers = { ...(await world.as('owner')), 'content-encoding': 'gzip' }
  expectProblem(t, await ask(gateway, '/v1/customers', { headers, body: { name: 'A' } }), 415, 'unsupported_media_type')
  const plain = { ...headers, 'content-encoding': 'identity' }
  t.equal((await ask(gateway, '/v1/customers', { headers: plain, body: { name: 'A' } })).status, 201)
})
