import { linkMail } from '../helpers/link-mails.js'
import type { Ask } from '../helpers/requests.js'
import { t } from '../helpers/t.js'
import { PASSWORD } from '../helpers/world.js'
import { ALLOWED, BAD_KEY, BAD_TOKEN, DENIED, eachInTurn, openReplicas, type Probe } from './replicas.js'

const replicas = await openReplicas()
t.teardown(() => replicas.close())
const { world, operator, outcome, change, logIn, newUser, newMember, byKey, byUser } = replicas
const NEXT_PASSWORD = 'violet-harbour-candle-93'

// Attack: an attacker uses a stolen token after its session was revoked and before the token expires.
t.test('a token fails at the next request after logout, a revocation, or a change of the password', async (t) => {
  const { email, headers } = await newMember()
  const [first, second, third] = [await logIn(email), await logIn(email), await logIn(email)]
  await eachInTurn(t, byUser(first), [['logged out', () => change(first, 'POST', '/v1/auth/logout'), BAD_TOKEN]])

  const ended = async () => {
    const { data } = await change(second, 'GET', '/v1/me/sessions')
    const current = data.find((session: { is_current: boolean }) => session.is_current)
    await change(headers, 'DELETE', `/v1/me/sessions/${current.id}`)
  }
  await eachInTurn(t, byUser(second), [['ended', ended, BAD_TOKEN]])

  const body = { current_password: PASSWORD, new_password: NEXT_PASSWORD }
  const changed = () => change(headers, 'PUT', '/v1/me/password', { body })
  await eachInTurn(t, byUser(third), [['password changed elsewhere', changed, BAD_TOKEN]])
  t.equal(await byUser(headers)(), ALLOWED, 'the session that changed the password')
  await t.rejects(logIn(email), { message: /401.*invalid_credentials/ }, 'a login with the old password')
  t.equal(await byUser(await logIn(email, NEXT_PASSWORD))(), ALLOWED, 'a login with the new password')
})

// Attack: an attacker with a stolen session keeps it after the user resets the password by mail.
t.test('a password reset by mail revokes every session of the user', async (t) => {
  const { id, email, headers } = await newMember()
  const other = await logIn(email)
  const mail = linkMail()
  await world.platform.write('user.password_reset_sent', (store) => store.password_resets.issue(id, mail))
  const token = mail.token()
  const reset = () => change({}, 'PUT', `/v1/auth/password-resets/${token}`, { body: { password: NEXT_PASSWORD } })
  await eachInTurn(t, byUser(headers), [['password reset', reset, BAD_TOKEN]])
  t.equal(await byUser(other)(), BAD_TOKEN, 'the other session')
  t.equal(await byUser(await logIn(email, NEXT_PASSWORD))(), ALLOWED, 'a login with the new password')
})

t.test('the sessions of a user fail at the next request after an operator disables the user', async (t) => {
  const { id, email, headers } = await newMember()
  const user = `/v1/platform/users/${id}`
  const disable = async () => {
    await change(operator, 'POST', `${user}/disable`)
    await t.rejects(logIn(email), { message: /401.*invalid_credentials/ }, 'no login while disabled')
  }
  await eachInTurn(t, byUser(headers), [
    ['disabled', disable, BAD_TOKEN],
    ['enabled, with a revoked session', () => change(operator, 'POST', `${user}/enable`), BAD_TOKEN],
  ])
  t.equal(await byUser(await logIn(email))(), ALLOWED, 'enabled, with a new login')
})

t.test('the removal and the appointment of an operator hold for the next request', async (t) => {
  const { id, email } = await newUser()
  const path = `/v1/platform/operators/${id}`
  const body = { privileges: ['platform:tenants:view'] }
  const appoint = async () => {
    await change(operator, 'PUT', path, { body })
    await change(headers, 'POST', '/v1/me/operator/accept')
  }
  const headers = await logIn(email)
  await appoint()
  await eachInTurn(t, () => outcome('/v1/platform/tenants', headers), [
    ['dismissed', () => change(operator, 'DELETE', path), '403 platform_access_denied'],
    ['appointed', appoint, ALLOWED],
  ])
})

// Attack: a key or a member of a tenant sends requests after an operator suspended the tenant or locked it down.
t.test('the suspension, activation, lockdown and deletion of a tenant hold for the next request', async (t) => {
  const { id: user_id, email } = await newUser()
  const body = { name: 'Probed', owner_id: user_id }
  const tenant = await change(operator, 'POST', '/v1/platform/tenants', { body })
  const headers = await logIn(email)
  await change(headers, 'POST', `/v1/me/memberships/${tenant.id}/accept`)
  const path = `/v1/tenants/${tenant.id}`
  const wish = { name: 'Probed', scopes: ['conversations:view'] }
  const { key } = await change(headers, 'POST', `${path}/keys`, { body: wish })
  const probes: [Probe, string, string][] = [
    [byKey(key, tenant.id), 'by the key', BAD_KEY],
    [() => outcome(`${path}/keys`, headers), 'by the owner', BAD_TOKEN],
  ]
  const act = (name: string, more?: Ask) => change(operator, 'POST', `/v1/platform/tenants/${tenant.id}/${name}`, more)
  for (const [probe, by] of probes) {
    await eachInTurn(t, probe, [
      [`suspended, ${by}`, () => act('suspend', { body: { reason: 'Unpaid' } }), '403 tenant_suspended'],
      [`activated, ${by}`, () => act('activate'), ALLOWED],
    ])
  }
  await act('lockdown')
  for (const [probe, by, refusal] of probes) t.equal(await probe(), refusal, `locked down, ${by}`)
  const again = await logIn(email)
  const made = await change(again, 'POST', `${path}/keys`, { body: wish })
  t.equal(await byKey(made.key, tenant.id)(), ALLOWED, 'locked down, with a new login and a new key')
  await change(again, 'DELETE', path)
  t.equal(await byKey(made.key, tenant.id)(), BAD_KEY, 'deleted, by the key')
  t.equal(await outcome(path, again), DENIED, 'deleted, by the owner')
})
