import { randomBytes } from 'node:crypto'
import type { Database, Run } from '../../../src/kernel/database/database.js'
import { open } from '../../../src/kernel/request/access.js'
import { openTestDatabase } from '../../helpers/database.js'
import { startGateway } from '../../helpers/gateway.js'
import { type Answer, ask } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'
import { until } from '../../helpers/until.js'
import { buildWorld, emailOf, keyHeaders, PASSWORD } from '../../helpers/world.js'
import { readMails } from '../../kernel/mail/read-mails.js'

const DATA_DIR = t.testdir()
const test_database = await openTestDatabase()
const failing = { is: false }
/** A database that can be switched to fail like a driver whose error quotes the values of the statement. */
const database: Database = {
  ...test_database.database,
  readOne: (binding, statement) =>
    failingOr(statement.values, () => test_database.database.readOne(binding, statement)),
  transaction: (binding, work) =>
    failingOr([], () =>
      test_database.database.transaction(binding, (...ways) => {
        const [run, finish] = ways.map(
          (way): Run =>
            (statement) =>
              failingOr(statement.values, () => way(statement)),
        )
        return work(run as Run, finish as Run)
      }),
    ),
}
function failingOr<T>(values: readonly unknown[], work: () => Promise<T>): Promise<T> {
  if (!failing.is) return work()
  // Drivers put the values of the statement into members of the error, in addition to its message.
  return Promise.reject(
    Object.assign(new Error('invalid input'), { code: '22P02', parameters: values, detail: values.join() }),
  )
}
const gateway = await startGateway({
  on: { ...test_database, database },
  env: { DATA_DIR, ALLOW_REGISTRATION: 'true' },
  more: async (app) => {
    const schema = { operationId: 'breaks', body: { type: 'object' } }
    app.post('/test/breaks', { config: open(), schema }, async () => {
      throw new TypeError('broken')
    })
  },
})
t.teardown(async () => {
  await gateway.close()
  await test_database.close()
})
const world = await buildWorld(gateway)
const { acme } = world

/** Each planted secret, by the name of its place. */
const secrets = new Map<string, string>()
const planted = (where: string, secret = `${where.replaceAll(' ', '')}${randomBytes(9).toString('hex')}`) => {
  secrets.set(where, secret)
  return secret
}
/** The responses with a status of 400 or higher. */
const refusals: Answer[] = []
let sent = 0
const send = async (status: number, path: string, init: Parameters<typeof ask>[2] = {}) => {
  sent += 1
  const answer = await ask(gateway, path, init)
  t.equal(answer.status, status, `${path} ${answer.text}`)
  if (status >= 400) refusals.push(answer)
  return answer
}
const raw = async (status: number, path: string, body: string, headers: Record<string, string> = {}) => {
  sent += 1
  const response = await fetch(gateway.url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body,
  })
  const text = await response.text()
  t.equal(response.status, status, text)
  refusals.push({ status, headers: response.headers, body: JSON.parse(text), text })
}

// Attack: a reader of the log, of the audit or of an error takes over a user, a key or a session with a secret from it.
t.test(
  'the log, the audit and the errors hold no secret of a password, key, token, link, bad body or header',
  async (t) => {
    planted('the password of all users', PASSWORD)
    const email = emailOf('agent')
    const owner = await world.bearer('owner')
    planted('access token', owner.authorization?.slice('Bearer '.length))
    const login = await send(200, '/v1/auth/login', { body: { email, password: PASSWORD } })
    planted('refresh token', login.body.refresh)
    const agent = { authorization: `Bearer ${planted('another access token', login.body.access)}` }
    await send(200, '/v1/auth/refresh', { body: { refresh: login.body.refresh } })

    // Passwords: wrong, new, weak, and in the wrong member.
    await send(401, '/v1/auth/login', { body: { email, password: planted('wrong password') } })
    await send(400, '/v1/auth/login', {
      body: { email, password: planted('password beside'), other: planted('other field') },
    })
    await send(400, '/v1/auth/login', { body: { email: planted('password as email').repeat(12), password: 'x' } })
    await send(202, '/v1/auth/register', {
      body: { email: 'planted@people.example', name: 'Planted', password: planted('registered password') },
    })
    await send(400, '/v1/auth/register', {
      body: { email: 'a@people.example', name: 'A', password: planted('weak', 'weakweak') },
    })
    const new_password = planted('changed password')
    await send(401, '/v1/me/password', {
      method: 'PUT',
      headers: agent,
      body: { current_password: planted('wrong current password'), new_password },
    })
    await send(204, '/v1/me/password', {
      method: 'PUT',
      headers: agent,
      body: { current_password: PASSWORD, new_password },
    })
    await send(201, '/v1/platform/users', {
      headers: await world.bearer('operator'),
      body: { email: 'made@people.example', name: 'Made', password: planted('password by the operator') },
    })

    // Keys and tokens: created, rotated, wrong, in a URL, in the wrong header.
    const key = await send(201, `/v1/tenants/${acme.id}/keys`, { headers: owner, body: { name: 'Planted' } })
    planted('key', key.body.key)
    const rotated = await send(201, `/v1/tenants/${acme.id}/keys/${key.body.id}/rotate`, {
      headers: { ...owner, 'idempotency-key': planted('idempotency key') },
      body: { overlap_seconds: 60 },
    })
    planted('rotated key', rotated.body.key)
    await send(200, '/v1/access', { headers: keyHeaders({ id: acme.id, key: rotated.body.key }) })
    await send(403, '/v1/customers', { headers: keyHeaders({ id: acme.id, key: key.body.key }) })
    await send(401, '/v1/customers', { headers: keyHeaders({ id: acme.id, key: planted('wrong key') }) })
    await send(401, '/v1/customers', { headers: keyHeaders({ id: planted('key as tenant'), key: 'x' }) })
    await send(401, '/v1/me', { headers: { authorization: `Bearer ${planted('wrong token')}` } })
    await send(401, '/v1/me', { headers: { authorization: `Basic ${planted('basic credentials')}` } })
    await send(401, '/v1/auth/refresh', { body: { refresh: planted('wrong refresh token') } })
    await send(400, `/v1/customers?api_key=${key.body.key}`)
    await send(400, `/v1/me?access_token=${login.body.access}`)

    // The secrets of mail links, in the mail and in a path, valid and invalid.
    await send(202, '/v1/auth/password-resets', { body: { email: emailOf('lead') } })
    await send(201, `/v1/tenants/${acme.id}/invitations`, {
      headers: owner,
      body: { email: 'new@people.example', roles: [] },
    })
    const mails = await readMails(DATA_DIR, 3)
    t.equal(mails.length, 3)
    for (const { to, token } of mails) planted(`link to ${to}`, token)
    const reset = mails.find(({ to }) => to === emailOf('lead'))?.token
    await send(400, `/v1/auth/password-resets/${reset}`, {
      method: 'PUT',
      body: { password: planted('short', 'tooshort99') },
    })
    await send(204, `/v1/auth/password-resets/${reset}`, {
      method: 'PUT',
      body: { password: planted('reset password') },
    })
    await send(404, `/v1/auth/password-resets/${reset}`, {
      method: 'PUT',
      body: { password: planted('late password') },
    })
    await send(404, `/v1/auth/email-verifications/${planted('wrong link')}`, { method: 'PUT' })
    const invited = mails.find(({ to }) => to === 'new@people.example')?.token
    await send(403, `/v1/invitations/${invited}/accept`, { method: 'POST', headers: await world.bearer('stranger') })
    await send(405, `/v1/invitations/${invited}/accept`)

    // The same links on pages, as a browser opens them.
    const html = { accept: 'text/html' }
    const form = { name: 'Planted', password: planted('password on a page') }
    const weak = { ...form, password: planted('short on a page', 'tooshort98') }
    await send(200, `/invitations/${invited}`, { headers: html })
    await send(400, `/invitations/${invited}`, { headers: html, form: weak })
    await send(400, `/invitations/${invited}`, { headers: html, form: { ...form, other: planted('field on a page') } })
    await send(403, `/invitations/${invited}`, { headers: { ...html, 'sec-fetch-site': 'cross-site' }, form })
    await send(200, `/invitations/${invited}`, { headers: html, form })
    await send(409, `/invitations/${invited}`, { headers: html, form })
    await send(404, `/invitations/${planted('wrong link of a page')}`, { headers: html })
    await send(404, `/password-resets/${reset}`, { headers: html })
    await send(404, `/verify/${reset}`, { headers: html, form: {} })

    // Bodies that cannot be parsed, unknown headers, and errors in handlers and in the database.
    await raw(400, '/v1/auth/login', `{"email":"${email}","password":"${planted('cut off body')}`)
    await raw(400, '/v1/auth/login', `{"${planted('double name')}":1,"${secrets.get('double name')}":2}`)
    await raw(400, '/v1/auth/login', `{"password":"${planted('unstorable body')}\\u0000"}`)
    await raw(415, '/v1/auth/login', planted('text body'), { 'content-type': 'text/plain' })
    await raw(413, '/v1/auth/login', `{"password":"${planted('large body')}${'x'.repeat(300_000)}"}`)
    const headers = {
      cookie: `s=${planted('cookie')}`,
      'x-auth': planted('header'),
      referer: `http://x/?t=${planted('referer')}`,
    }
    await send(401, '/v1/me', { headers })
    await send(
      404,
      `/v1/${planted('path of no route', `ghk_${'A'.repeat(12)}_${'b'.repeat(49)}`).slice(4)}?q=${planted('query of no route')}`,
    )
    await send(400, `/v1/tenants/${acme.id}/audit-events?actor_id=${planted('query')}&other=1`, { headers: owner })
    await raw(500, '/test/breaks', JSON.stringify({ password: planted('body of what breaks') }), headers)
    // Its facts are in no memory yet.
    const unused = await send(201, `/v1/tenants/${acme.id}/keys`, { headers: owner, body: { name: 'Unused' } })
    planted('unused key', unused.body.key)
    failing.is = true
    await send(500, '/v1/auth/login', {
      body: { email: `${planted('email of a failure')}@people.example`, password: planted('password of a failure') },
    })
    await send(500, '/v1/access', { headers: keyHeaders({ id: acme.id, key: unused.body.key }) })
    failing.is = false

    await until(
      'the log holds a line for each request',
      () => gateway.lines.filter((line) => line.includes('"msg":"request"')).length >= sent,
    )
    await gateway.app.close()
    const events = await test_database.sql('select * from audit_events')
    const places: Record<string, string> = {
      log: gateway.lines.join(''),
      audit: JSON.stringify(events),
      errors: refusals.map(({ text, headers: given }) => text + JSON.stringify([...given])).join('\n'),
    }
    t.ok(secrets.size >= 40, `${secrets.size} secrets`)
    t.ok(refusals.length >= 25, `${refusals.length} refusals`)
    t.ok(
      events.some(({ action }) => action === 'request.refused'),
      'a refusal in the audit',
    )
    t.ok(
      gateway.lines.some((line) => line.includes('"level":"error"')),
      'an error in the log',
    )
    for (const [place, text] of Object.entries(places)) {
      t.ok(text.length > 5_000, `the length of the ${place}`)
      for (const [where, secret] of secrets) {
        for (const written of [secret, encodeURIComponent(secret), Buffer.from(secret).toString('base64url')]) {
          t.notOk(text.includes(written), `${where} is not in the ${place}`)
        }
      }
      t.notMatch(text, /\$argon2|gh[krt]_[\w-]{20,}|eyJ[\w-]{20,}\./, place)
    }
  },
)
