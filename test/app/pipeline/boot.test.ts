import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import { member, open, operator, tenant, user } from '../../../src/kernel/request/access.js'
import { openTestDatabase } from '../../helpers/database.js'
import { startGateway } from '../../helpers/gateway.js'
import { ask } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'

const database = await openTestDatabase()
t.teardown(() => database.close())
const boot = (more: (app: FastifyInstance) => Promise<void>) => startGateway({ on: database, more })
const handler = async () => ({})

// Attack: a client calls a route to which its developer forgot to give an access.
t.test('a route that declares no access stops the start, and the message says what to do', async (t) => {
  await t.rejects(
    boot(async (app) => void app.get('/forgotten', handler)),
    { message: /GET \/forgotten declares no access: give it config: open\(\), user\(\), member\(\)/ },
  )
  await t.rejects(
    boot(async (app) => void app.post('/v1/forgotten', { config: {} as never }, handler)),
    {
      message: /declares no access/,
    },
  )
  await t.rejects(
    boot(async (app) => {
      app.register(async (inner) => void inner.route({ method: ['PUT', 'DELETE'], url: '/deep', handler }))
    }),
    { message: /\/deep declares no access/ },
    'in a plugin of a plugin',
  )
  await t.rejects(
    boot(async (app) => void app.all('/every', handler)),
    { message: /declares no access/ },
  )
  await t.rejects(
    boot(async (app) => void app.get('/*', handler)),
    { message: /declares no access/ },
  )
})

t.test('an access of an unknown kind stops the start', async (t) => {
  const access = { kind: 'everybody', scopes: [] } as never
  await t.rejects(boot(async (app) => void app.get('/odd', { config: { access } }, handler)))
})

t.test('a member route whose path names no tenant stops the start', async (t) => {
  await t.rejects(
    boot(async (app) => void app.get('/v1/mine', { config: member() }, handler)),
    {
      message: /GET \/v1\/mine is a member route without :tenant_id/,
    },
  )
})

// Attack: an operator without privileges calls a platform route that requires none.
t.test('an operator route without a privilege stops the start', async (t) => {
  await t.rejects(
    boot(async (app) => void app.get('/v1/platform/all', { config: operator() }, handler)),
    {
      message: /GET \/v1\/platform\/all is an operator route without a privilege/,
    },
  )
})

t.test('200 the gateway starts if each route declares an access, and checks the first request', async (t) => {
  const schema = { response: { 200: Type.Object({}) } }
  const gateway = await boot(async (app) => {
    app.get('/more/open', { config: open(), schema }, handler)
    app.get('/more/user', { config: user(), schema }, handler)
    app.get('/more/in/:tenant_id', { config: member(), schema }, handler)
    app.get('/more/tenant', { config: tenant('audit:view'), schema }, handler)
    app.get('/more/operator', { config: operator('platform:audit:view'), schema }, handler)
  })
  t.teardown(() => gateway.close())
  const codeOf = async (path: string) => (await ask(gateway, path)).body.code ?? 'passed'
  t.equal(await codeOf('/more/open'), 'passed')
  t.equal(await codeOf('/more/user'), 'authentication_required')
  t.equal(await codeOf('/more/in/acme'), 'authentication_required')
  t.equal(await codeOf('/more/tenant'), 'tenant_credentials_required')
  t.equal(await codeOf('/more/operator'), 'authentication_required')
})
