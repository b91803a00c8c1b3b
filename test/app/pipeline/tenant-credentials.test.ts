import { crc32 } from 'node:zlib'
import { createTenantKey } from '../../../src/kernel/credentials/tenant-key.js'
import { startGateway } from '../../helpers/gateway.js'
import { type Answer, ask } from '../../helpers/requests.js'
import { t } from '../../helpers/t.js'
import { buildWorld, keyHeaders } from '../../helpers/world.js'
import { CHALLENGE_TENANT, expectProblem } from './expect-problem.js'

const gateway = await startGateway()
t.teardown(() => gateway.close())
const world = await buildWorld(gateway)
const { acme, globex } = world
const HOUR_MS = 3_600_000

t.test('401 one or both tenant headers are missing or empty: the challenge asks for both', async (t) => {
  const { 'x-tenant-id': id, 'x-tenant-api-key': key } = keyHeaders(acme) as Record<string, string>
  const variants: Record<string, string>[] = [
    {},
    { 'x-tenant-id': id as string },
    { 'x-tenant-api-key': key as string },
    { 'x-tenant-id': '', 'x-tenant-api-key': key as string },
    { 'x-tenant-id': id as string, 'x-tenant-api-key': '' },
    await world.bearer('owner'),
    { 'x-tenant-id': id as string, ...(await world.bearer('owner')) },
    { authorization: `Bearer ${key}`, 'x-tenant-id': id as string },
    { 'x-api-key': key as string, 'x-tenant': id as string },
    { cookie: `X-TENANT-ID=${id}; X-TENANT-API-KEY=${key}` },
  ]
  for (const headers of variants) {
    const answer = await ask(gateway, '/v1/customers', { headers })
    expectProblem(t, answer, 401, 'tenant_credentials_required', Object.keys(headers).join())
    t.equal(answer.headers.get('www-authenticate'), CHALLENGE_TENANT)
  }
})

// Attack: the client compares responses to learn which tenants and keys exist, and which key belongs to which tenant.
t.test('401 all invalid tenant credentials get the same response', async (t) => {
  const wish = (name: string, more = {}) =>
    acme.store.write('tenant_key.created', (store) => store.keys.create({ name, scopes: [], ...more }))
  const revoked = await wish('Revoked')
  await acme.store.write('tenant_key.revoked', (store) => store.keys.revoke(revoked.record.id))
  const disabled = await wish('Disabled')
  await gateway.sql(`update tenant_keys set disabled_at = now() where id = '${disabled.record.id}'`)
  const expired = await wish('Expired', { expires_at: new Date(gateway.clock.now() + HOUR_MS).toISOString() })
  const fresh = await ask(gateway, '/v1/access', { headers: keyHeaders({ id: acme.id, key: expired.key }) })
  t.equal(fresh.status, 200, 'the key works until it expires')
  const deleted = await world.platform.write('tenant.created', (store) =>
    store.tenants.create({ name: 'Gone', owner_id: world.ids.owner }, { name: 'First key', scopes: [] }),
  )
  await gateway.sql(`update tenants set deleted_at = now() where id = '${deleted.tenant.id}'`)
  gateway.clock.advance(HOUR_MS)

  const unknown_key = createTenantKey().key
  const id_of_key = acme.key.slice(4, 16)
  const variants: Record<string, { id: string; key: string }> = {
    'tenant id malformed': { id: 'acme', key: acme.key },
    'tenant id with more behind it': { id: `${acme.id}0`, key: acme.key },
    'tenant id in braces': { id: `{${acme.id}}`, key: acme.key },
    'tenant id and another': { id: `${acme.id}, ${globex.id}`, key: acme.key },
    'tenant id with a quote': { id: "' or 1=1 --", key: acme.key },
    'tenant id unknown': { id: '019a0000-0000-7000-8000-000000000000', key: acme.key },
    'key malformed': { id: acme.id, key: 'ghk_nothing' },
    'key of another prefix': { id: acme.id, key: acme.key.replace('ghk_', 'ghp_') },
    'key with a space behind its secret': { id: acme.id, key: `${acme.key} ${acme.key}` },
    'key with a bad checksum': { id: acme.id, key: flipLast(acme.key) },
    'key unknown': { id: acme.id, key: unknown_key },
    'id of a key with another secret': {
      id: acme.id,
      key: withChecksum(`ghk_${id_of_key}_${unknown_key.slice(17, 60)}`),
    },
    'key of another tenant': { id: acme.id, key: globex.key },
    'tenant of another key': { id: globex.id, key: acme.key },
    'key revoked': { id: acme.id, key: revoked.key },
    'key disabled': { id: acme.id, key: disabled.key },
    'key expired': { id: acme.id, key: expired.key },
    'tenant deleted': { id: deleted.tenant.id, key: deleted.key as string },
    'all of it wrong': { id: 'x', key: 'y' },
  }
  const seen = new Map<string, string>()
  for (const [name, credentials] of Object.entries(variants)) {
    for (const bearer of [{}, await world.bearer('stranger'), { authorization: 'Bearer bad' }]) {
      const answer = await ask(gateway, '/v1/customers', { headers: { ...keyHeaders(credentials), ...bearer } })
      expectProblem(t, answer, 401, 'invalid_tenant_credentials', name)
      t.equal(answer.headers.get('www-authenticate'), CHALLENGE_TENANT)
      seen.set(sameness(answer), name)
    }
  }
  t.equal(seen.size, 1, `byte for byte the same, headers too: ${[...seen].join('\n')}`)
  const good = await ask(gateway, '/v1/access', { headers: keyHeaders(acme) })
  t.equal(good.status, 200, 'the credentials from which the variants are made')
  const upper = await ask(gateway, '/v1/access', { headers: keyHeaders({ ...acme, id: acme.id.toUpperCase() }) })
  t.equal(upper.status, 200, 'a UUID is the same in either case (RFC 9562 section 4)')
})

/** A response without the request id, the date and the remaining budget, which differ between equal requests. */
function sameness({ text, body, headers }: Answer): string {
  const kept = [...headers].filter(([name]) => !['x-request-id', 'date', 'ratelimit'].includes(name))
  return JSON.stringify([text.replaceAll(body.request_id, ''), kept])
}

function flipLast(key: string): string {
  return key.slice(0, -1) + (key.endsWith('0') ? '1' : '0')
}

/** Appends the checksum of a tenant key: CRC-32 in six characters of base62. */
function withChecksum(body: string): string {
  const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
  let rest = crc32(body)
  let written = ''
  for (let position = 0; position < 6; position += 1) {
    written = alphabet[rest % 62] + written
    rest = Math.floor(rest / 62)
  }
  return body + written
}
