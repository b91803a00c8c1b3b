import { makeUser } from '../../guards/examples.js'
import { startGateway } from '../../helpers/gateway.js'
import { ask } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'
import { until } from '../../helpers/until.js'
import { buildWorld, emailOf, PASSWORD, type Person } from '../../helpers/world.js'
import { readMails } from '../../kernel/mail/read-mails.js'

const HOUR_MS = 3_600_000
const DATA_DIR = t.testdir()
const gateway = await startGateway({ env: { DATA_DIR } })
t.teardown(() => gateway.close())
const world = await buildWorld(gateway)
const { acme, globex, ids } = world
const path = `/v1/tenants/${acme.id}/invitations`

/** Every link that this file mailed. No link may appear in any other place. */
const links: string[] = []
const bearerOf = async (email: string) => {
  const { body } = await ask(gateway, '/v1/auth/login', { body: { email, password: PASSWORD } })
  return { authorization: `Bearer ${body.access}` }
}
/** Runs a request that sends one mail to an address, and reads the mail. A mail of an earlier request can arrive meanwhile. */
const mailed = async <T>(to: string, work: () => Promise<T>) => {
  const mailsTo = async () => (await readMails(DATA_DIR)).filter((mail) => mail.to === to)
  const before = (await mailsTo()).length
  const answer = await work()
  const mail = await until('the mail is written', async () => (await mailsTo())[before])
  links.push(mail.token)
  return { answer, mail }
}
const invite = async (email: string, roles: string[], person: Person = 'owner') =>
  ask(gateway, path, { headers: await world.bearer(person), body: { email, roles } })
const invited = (email: string, roles = ['Agent']) => mailed(email.toLowerCase(), () => invite(email, roles))
const onInvitation = async (id: string, method: string, suffix = '', person: Person = 'owner') =>
  ask(gateway, `${path}/${id}${suffix}`, { method, headers: await world.bearer(person) })
const respond = (token: string, what: 'accept' | 'decline', headers: Record<string, string>) =>
  ask(gateway, `/v1/invitations/${token}/${what}`, { method: 'POST', headers })
/** Creates a user, logs them in, and invites them. */
const guest = async (roles?: string[]) => {
  const user = await makeUser(gateway, world)
  const { answer, mail } = await invited(user.email, roles)
  return { ...user, headers: await bearerOf(user.email), id: user.id, invitation: answer.body, token: mail.token }
}
const membershipOf = async (user_id: string) =>
  (await ask(gateway, `/v1/tenants/${acme.id}/members/${user_id}`, { headers: await world.bearer('owner') })).body
const closed = { status: 409, body: { code: 'invitation_closed' } }

t.test('201 the link is only in the mail to the address, and an acceptance gives the roles', async (t) => {
  const user = await makeUser(gateway, world)
  await gateway.sql(`update users set email_verified_at = null where id = '${user.id}'`)
  const { answer, mail } = await invited(user.email.toUpperCase(), ['Agent', 'Analyst'])
  t.match(answer, { status: 201, body: { email: user.email, roles: ['Agent', 'Analyst'], invited_by: ids.owner } })
  t.match(answer.body, { accepted_at: null, declined_at: null, revoked_at: null })
  t.equal(Date.parse(answer.body.expires_at) - Date.parse(answer.body.created_at), 72 * HOUR_MS)
  t.strictSame(answer.body.delivery, { state: 'queued', reason: null, at: answer.body.created_at })
  t.match(mail, { to: user.email, subject: 'You are invited to Acme ACMEMARK', token: /^ght_[\w-]{43}$/ })
  t.ok(mail.text.includes(`/invitations/${mail.token}\n`), 'the mail contains the whole link')
  const headers = await bearerOf(user.email)
  const me = async () => (await ask(gateway, '/v1/me', { headers })).body
  t.strictSame((await me()).invitations, [], 'no invitation for an unverified address')
  await gateway.sql(`update users set email_verified_at = now() where id = '${user.id}'`)
  t.match((await me()).invitations, [{ id: answer.body.id, tenant: { id: acme.id, name: 'Acme ACMEMARK' } }])
  await gateway.sql(`update users set email_verified_at = null where id = '${user.id}'`)
  const accepted = await respond(mail.token, 'accept', headers)
  t.match(accepted, { status: 200, body: { tenant: { id: acme.id, name: 'Acme ACMEMARK' } } })
  t.match(await me(), {
    email_verified_at: /Z$/,
    invitations: [],
    memberships: [{ tenant: { id: acme.id }, state: 'active', roles: ['Agent', 'Analyst'] }],
  })
  t.match(await respond(mail.token, 'accept', headers), closed, 'a link is valid once')
  t.match(await respond(mail.token, 'decline', headers), closed)
})

t.test('204 a declined or revoked invitation stays closed', async (t) => {
  const decliner = await guest()
  t.equal((await respond(decliner.token, 'decline', decliner.headers)).status, 204)
  t.match(await respond(decliner.token, 'accept', decliner.headers), closed)
  t.match(await onInvitation(decliner.invitation.id, 'POST', '/resend'), closed)
  t.match(await onInvitation(decliner.invitation.id, 'DELETE'), closed)
  const revoked = await guest()
  t.equal((await onInvitation(revoked.invitation.id, 'DELETE')).status, 204)
  t.equal((await onInvitation(revoked.invitation.id, 'DELETE')).status, 204, 'a repeated revocation')
  t.match(await respond(revoked.token, 'accept', revoked.headers), closed)
  t.match(await onInvitation(revoked.invitation.id, 'POST', '/resend'), closed)
  for (const { id } of [decliner, revoked]) t.match(await membershipOf(id), { status: 404 })
  const listed = await ask(gateway, `${path}?limit=2`, { headers: await world.bearer('owner') })
  t.match(listed.body.data, [{ revoked_at: /Z$/ }, { declined_at: /Z$/ }], 'newest first, with closed ones')
  const rest = await ask(gateway, `${path}?cursor=${listed.body.next_cursor}`, { headers: await world.bearer('owner') })
  t.match(rest.body, { data: [{ accepted_at: /Z$/ }], next_cursor: null })
})

t.test('409 a link expires after 72 hours, and a resent link has its own 72 hours', async (t) => {
  const user = await makeUser(gateway, world)
  const { answer, mail } = await invited(user.email)
  gateway.clock.advance(72 * HOUR_MS - 60_000)
  const resent = await mailed(user.email, async () => {
    const headers = await bearerOf(emailOf('owner'))
    return ask(gateway, `${path}/${answer.body.id}/resend`, { method: 'POST', headers })
  })
  t.match(resent.answer, { status: 200, body: { id: answer.body.id } })
  t.not(resent.mail.token, mail.token)
  const headers = await bearerOf(user.email)
  t.match(await respond(mail.token, 'accept', headers), { status: 404, body: { code: 'not_found' } }, 'the old link')
  gateway.clock.advance(72 * HOUR_MS + 1)
  const again = await bearerOf(user.email)
  t.match(await respond(resent.mail.token, 'accept', again), closed)
  t.match(await respond(resent.mail.token, 'decline', again), closed)
  t.strictSame((await ask(gateway, '/v1/me', { headers: again })).body.invitations, [], 'expired, not pending')
  gateway.clock.advance(-144 * HOUR_MS + 60_000 - 1)
  t.equal((await respond(resent.mail.token, 'accept', headers)).status, 200, 'before the expiry again')
})

// One address must not have two valid links, one of them with roles that the inviter has changed.
t.test('409 a new invitation to the same address invalidates the old link', async (t) => {
  const first = await guest(['Admin'])
  const { mail } = await invited(first.email, ['Analyst'])
  t.match(await respond(first.token, 'accept', first.headers), closed)
  t.equal((await respond(mail.token, 'accept', first.headers)).status, 200)
  t.match(await membershipOf(first.id), { roles: ['Analyst'] })
  t.match(await invite(first.email, ['Admin']), { status: 409, body: { code: 'already_exists' } }, 'already a member')
})

// Attack: accepts an invitation from an intercepted or forwarded mail.
t.test('403 only the invited user can accept or decline an invitation', async (t) => {
  const user = await guest()
  for (const person of ['stranger', 'owner', 'other_owner', 'operator'] as const) {
    for (const what of ['accept', 'decline'] as const) {
      const answer = await respond(user.token, what, await world.bearer(person))
      t.match(answer, { status: 403, body: { code: 'invitation_not_for_you' } }, `${person} ${what}`)
      t.notOk(answer.text.includes(user.email), 'the problem does not contain the address')
    }
  }
  t.match(await respond(user.token, 'accept', {}), { status: 401, body: { code: 'authentication_required' } })
  const unknown = [`ght_${'A'.repeat(43)}`, user.token.slice(0, -1), `${user.token}A`, user.invitation.id, 'x']
  for (const token of unknown) {
    t.match(await respond(token, 'accept', user.headers), { status: 404, body: { code: 'not_found' } }, token)
  }
  t.equal((await respond(user.token, 'accept', user.headers)).status, 200)
})

// Attack: bypasses the rule for members by inviting an accomplice with more scopes than the inviter has.
t.test('403 a member cannot invite with roles, or resend an invitation with roles, above their own', async (t) => {
  await acme.store.write('override.set', (store) =>
    store.overrides.set(ids.lead, { scope: 'users:manage', effect: 'grant', reason: 'manages the team' }),
  )
  const { email } = await makeUser(gateway, world)
  const escalation = { status: 403, body: { code: 'privilege_escalation' } }
  const analyst = { body: { exceeding_scopes: ['analytics:view', 'audit:view'] } }
  t.match(await invite(email, ['Agent', 'Analyst'], 'lead'), { ...escalation, ...analyst })
  for (const role of ['Admin', 'Owner']) t.match(await invite(email, [role], 'lead'), escalation, role)
  t.match(await invite(email, ['Owner'], 'admin'), { ...escalation, body: { exceeding_roles: ['Owner'] } })
  t.match(await invite(email, ['Agent'], 'agent'), { status: 403, body: { missing: ['users:manage'] } })
  const { answer } = await invited(email, ['Analyst'])
  t.match(await onInvitation(answer.body.id, 'POST', '/resend', 'lead'), { ...escalation, ...analyst })
  for (const role of ['owner', 'Owner ', 'Nobody', 'ow%6Eer', '__proto__']) {
    const refused = await invite(email, ['Agent', role])
    t.match(refused, { status: 400, body: { errors: [{ pointer: '/roles/1' }] } }, role)
  }
  t.equal(
    (await mailed(email, () => invite(email, ['Support Lead'], 'lead'))).answer.status,
    201,
    'scopes of the inviter',
  )
})

t.test('404 an invitation of another tenant gets the response of an unknown id', async (t) => {
  const { invitation } = await guest()
  const elsewhere = `/v1/tenants/${globex.id}/invitations`
  const headers = await world.bearer('other_owner')
  for (const [method, suffix] of [
    ['DELETE', ''],
    ['POST', '/resend'],
  ] as const) {
    const url = `${elsewhere}/${invitation.id}${suffix}`
    t.match(await ask(gateway, url, { method, headers }), { status: 404, body: { code: 'not_found' } }, method)
  }
  t.strictSame((await ask(gateway, elsewhere, { headers })).body.data, [])
})

t.test('409 an invitation to a suspended or deleted tenant is closed, and open after the suspension', async (t) => {
  const user = await guest()
  const at = (ahead_ms: number) => new Date(gateway.clock.now() + ahead_ms).toISOString()
  const states = {
    suspended: `suspended_at = now()`,
    'suspended until later': `suspended_at = now(), suspended_until = '${at(HOUR_MS)}'`,
    'trial over': `trial_ends_at = '${at(-1000)}'`,
    deleted: 'deleted_at = now()',
  }
  const reset = 'suspended_at = null, suspended_until = null, trial_ends_at = null, deleted_at = null'
  for (const [what, change] of Object.entries(states)) {
    await gateway.sql(`update tenants set ${change} where id = '${acme.id}'`)
    t.match(await respond(user.token, 'accept', user.headers), closed, what)
    await gateway.sql(`update tenants set ${reset} where id = '${acme.id}'`)
  }
  await gateway.sql(`update tenants set suspended_at = now(), suspended_until = '${at(-1000)}' where id = '${acme.id}'`)
  t.equal((await respond(user.token, 'accept', user.headers)).status, 200)
  await gateway.sql(`update tenants set ${reset} where id = '${acme.id}'`)
})

// Attack: uses one link concurrently for two memberships, or a link that is revoked at the same time.
t.test('200 409 of 20 concurrent acceptances of one link, exactly one succeeds', async (t) => {
  const user = await guest(['Agent', 'Analyst'])
  const answers = await Promise.all(Array.from({ length: 20 }, () => respond(user.token, 'accept', user.headers)))
  t.equal(answers.filter(({ status }) => status === 200).length, 1)
  t.equal(answers.filter(({ body }) => body.code === 'invitation_closed').length, 19)
  t.match(await membershipOf(user.id), { state: 'active', roles: ['Agent', 'Analyst'] })
  t.equal((await gateway.sql(`select from memberships where user_id = '${user.id}'`)).length, 1)
  const told = await gateway.sql(`select from audit_events where action = 'invitation.accepted'
    and changes->>'user_id' = '${user.id}'`)
  t.equal(told.length, 1)
  const raced = await guest()
  const both = await Promise.all([
    respond(raced.token, 'accept', raced.headers),
    invite(raced.email, ['Analyst']),
    onInvitation(raced.invitation.id, 'DELETE'),
  ])
  t.ok(
    both.every(({ status }) => status < 500),
    'no deadlock',
  )
  links.push(...(await readMails(DATA_DIR)).map(({ token }) => token))
  const members = await gateway.sql(`select from memberships where user_id = '${raced.id}'`)
  t.equal(members.length, both[0]?.status === 200 ? 1 : 0)
})

// Attack: reads the database, a log or the audit log to join as another user.
t.test('no link is in the log, in the audit log or in the database', async (t) => {
  t.ok(new Set(links).size > 10)
  const kept = [
    gateway.lines.join('\n'),
    JSON.stringify(await gateway.sql('select * from audit_events')),
    JSON.stringify(await gateway.sql(`select i.*, encode(token_digest, 'escape') as escaped from invitations i`)),
  ]
  for (const text of kept) {
    t.ok(text.length > 1000)
    t.notMatch(text, /ght_/)
    for (const link of links) t.notOk(text.includes(link.slice(4)))
  }
})

// Attack: a removed member returns with an older link, and with more roles than they had.
t.test('409 an invitation is revoked when its user becomes a member or is removed', async (t) => {
  const headers = await world.bearer('owner')
  const members = `/v1/tenants/${acme.id}/members`
  const one = await guest(['Admin'])
  t.equal((await ask(gateway, members, { headers, body: { user_id: one.id, roles: ['Agent'] } })).status, 201)
  const early = await respond(one.token, 'accept', one.headers)
  t.match(early, { status: 409, body: { code: 'invitation_closed' } }, 'the pending membership is a newer decision')
  const accept = { method: 'POST', headers: one.headers }
  t.match(await ask(gateway, `/v1/me/memberships/${acme.id}/accept`, accept), {
    status: 200,
    body: { roles: ['Agent'] },
  })
  t.equal((await ask(gateway, `${members}/${one.id}`, { method: 'DELETE', headers })).status, 204)
  const answer = await respond(one.token, 'accept', one.headers)
  t.equal(answer.body.code, 'invitation_closed', answer.text)
  t.same(await gateway.sql(`select 1 from memberships where user_id = '${one.id}'`), [])
  const [event] = await gateway.sql(
    `select changes from audit_events where action = 'member.accepted' and target_id = '${one.id}'`,
  )
  t.match(event?.changes, { revoked_invitations: [one.invitation.id] })
})

// Attack: creates a tenant and sends invitations without end to the mailbox of another person.
t.test('429 a tenant has a budget of invitations, and a resent invitation counts', async (t) => {
  const local = await startGateway({ env: { BUDGET_INVITATIONS: '2/60' }, on: gateway.test_database })
  t.teardown(() => local.close())
  const { body } = await ask(local, '/v1/auth/login', { body: { email: emailOf('owner'), password: PASSWORD } })
  const headers = { authorization: `Bearer ${body.access}` }
  const first = await ask(local, path, { headers, body: { email: 'victim@example.com', roles: [] } })
  t.equal(first.status, 201, first.text)
  t.equal((await ask(local, `${path}/${first.body.id}/resend`, { method: 'POST', headers })).status, 200)
  const refused = { status: 429, body: { code: 'rate_limited', violated_policies: ['invitations'] } }
  t.match(await ask(local, path, { headers, body: { email: 'victim@example.com', roles: [] } }), refused)
  t.match(await ask(local, `${path}/${first.body.id}/resend`, { method: 'POST', headers }), refused)
  t.equal((await ask(local, path, { headers })).status, 200, 'reading does not count')
})
