import { TABLE } from '../../../src/app/pipeline/index.js'
import { AccessRechecker, type AuthorisedConnection } from '../../../src/kernel/authz/access-rechecker.js'
import { accessRules } from '../../../src/kernel/authz/access-rules.js'
import { type Facts, NO_FACTS } from '../../../src/kernel/authz/facts.js'
import { BUILT_IN_SCOPES } from '../../../src/kernel/permissions/scope-catalogue.js'
import { unavailable } from '../../../src/kernel/problems/problems.js'
import { LEASE_MS } from '../../../src/kernel/replicas/fact-feed.js'
import { openBus } from '../../../src/kernel/store/bus.js'
import { t } from '../../helpers/t.js'
import { until } from '../../helpers/until.js'

const NOW_MS = 1_800_000_000_000
const DIGEST = new Uint8Array(32)
const ANY = { kind: 'rights_changed' as const, tenant_id: null, user_id: null, conversation_id: null }

/** The facts of a valid key. */
function keyFacts(): Facts {
  const key = {
    ...{ id: 'key', name: 'Key', scopes: [], secret_digest: DIGEST, secret_created_at: '2026-01-01T00:00:00.000Z' },
    ...{ previous_digest: null, previous_expires_at: null, allowed_cidrs: null, requests_per_minute: null },
    ...{ expires_at: null, disabled_at: null, revoked_at: null },
  }
  const tenant = {
    ...{ id: 'tenant', name: 'Tenant', allowed_origins: [], requests_per_minute: null, trial_ends_at: null },
    ...{ suspended_at: null, suspended_until: null, suspension_reason: null },
  }
  return { ...NO_FACTS, tenant, key }
}

interface Caller {
  readonly tenant_id?: string
  readonly key_id?: string
  readonly user_id?: string
  readonly conversation_id?: string
}

/** Opens a rechecker that gets its facts from `read`. Its connections record the codes with which they are closed. */
function openRechecker(
  read: () => Promise<Facts>,
  checkTargets: (connections: readonly AuthorisedConnection[]) => Promise<void> = async () => undefined,
) {
  const bus = openBus((error) => t.fail(String(error)))
  const clock = { now_ms: NOW_MS }
  const errors: unknown[] = []
  const rechecker = new AccessRechecker({
    facts: { read, onChanges: () => () => undefined },
    rules: accessRules(TABLE, () => BUILT_IN_SCOPES),
    bus,
    clock: () => clock.now_ms,
    log: { warn: ({ err }) => errors.push(err) },
    checkTargets,
  })
  t.teardown(() => rechecker.close())
  const endings: string[] = []
  const connect = ({ tenant_id = 'tenant', key_id = 'key', user_id, conversation_id }: Caller = {}) => {
    const connection: AuthorisedConnection = {
      credential: {
        ...{ tenant_id, key_id, key_digest: DIGEST },
        ...{ user_id: user_id ?? null, session_id: null, token_expires_at_ms: null },
      },
      location: { address: '127.0.0.1', origin: undefined },
      scopes: [],
      conversation_id,
      standing: undefined,
      end: ({ problem }) => void endings.push(problem.code),
    }
    rechecker.add(connection)
    return connection
  }
  return { bus, clock, endings, errors, rechecker, connect }
}

// A revocation that concerns many callers must close all their connections within a second, not some of them later.
t.test('one round checks every caller that a change concerns, with at most 64 queries at once', async (t) => {
  const CALLERS = 1_000
  let at_once = 0
  let at_once_max = 0
  const { bus, endings, connect } = openRechecker(async () => {
    at_once += 1
    at_once_max = Math.max(at_once_max, at_once)
    await new Promise((resolve) => setImmediate(resolve))
    at_once -= 1
    return NO_FACTS
  })
  for (let number = 0; number < CALLERS; number += 1) connect({ key_id: `key ${number}` })
  bus.publish(ANY)
  await until('all connections are closed', () => endings.length === CALLERS)
  t.ok(endings.every((code) => code === 'invalid_tenant_credentials'))
  t.ok(at_once_max <= 64, `${at_once_max} queries at once`)
})

t.test('connections of one caller share one read of the facts, however many events arrive', async (t) => {
  let reads = 0
  const { bus, endings, connect } = openRechecker(async () => {
    reads += 1
    return keyFacts()
  })
  const connections = [connect(), connect(), connect()]
  for (let count = 0; count < 100; count += 1) bus.publish(ANY)
  await until('all connections are checked', () => connections.every(({ standing }) => standing !== undefined))
  t.equal(reads, 1)
  t.same(endings, [])
})

t.test(
  'an event that names a tenant, a user or a conversation checks only the connections that it concerns',
  async (t) => {
    const { bus, rechecker, connect } = openRechecker(async () => keyFacts())
    const connections = { ann: connect({ user_id: 'ann' }), bob: connect({ user_id: 'bob', conversation_id: 'talk' }) }
    await until(
      'both are checked',
      () => connections.ann.standing !== undefined && connections.bob.standing !== undefined,
    )
    const checkAfter = async (event: Partial<typeof ANY>) => {
      const others = Object.values(connections)
      for (const connection of others) connection.standing = undefined
      // The event always concerns the marker, so the round has ended when the marker is checked.
      const marker = connect()
      bus.publish({ ...ANY, ...event })
      await until('a round has ended', () => marker.standing !== undefined)
      rechecker.remove(marker)
      return Object.entries(connections)
        .filter(([, { standing }]) => standing !== undefined)
        .map(([name]) => name)
    }
    t.same(await checkAfter({}), ['ann', 'bob'])
    t.same(await checkAfter({ tenant_id: 'tenant' as never }), ['ann', 'bob'])
    t.same(await checkAfter({ tenant_id: 'another' as never }), [])
    t.same(await checkAfter({ user_id: 'ann' as never }), ['ann'])
    t.same(await checkAfter({ conversation_id: 'talk' as never }), ['bob'])
    t.same(await checkAfter({ conversation_id: 'another' as never }), [])
  },
)

// Attack: a caller with a revoked key keeps an open connection, because the event of the revocation was lost.
t.test('401 a revoked key closes its connection within 15 s without an event', async (t) => {
  let facts = keyFacts()
  const { clock, endings, connect } = openRechecker(async () => facts)
  const connection = connect()
  await until('the connection is checked', () => connection.standing !== undefined)
  facts = NO_FACTS
  clock.now_ms += 15_000
  await until('the connection is closed', () => endings.length > 0)
  t.same(endings, ['invalid_tenant_credentials'])
})

t.test('503 the rechecker closes a connection after a lease without a database, and not earlier', async (t) => {
  let reads = 0
  const { clock, endings, errors, connect } = openRechecker(() => {
    reads += 1
    return Promise.reject(unavailable('the database is away', 1))
  })
  connect()
  await until('the check failed', () => errors.length > 0)
  clock.now_ms += LEASE_MS - 1
  const before = reads
  await until('the check failed again', () => reads > before + 1)
  t.same(endings, [])
  clock.now_ms += 1
  await until('it is closed', () => endings.length > 0)
  t.same(endings, ['service_unavailable'])
})

t.test('the rechecker neither checks nor closes a removed connection', async (t) => {
  let reads = 0
  const { bus, rechecker, endings, connect } = openRechecker(async () => {
    reads += 1
    return NO_FACTS
  })
  rechecker.remove(connect())
  const other = connect({ key_id: 'another key' })
  bus.publish(ANY)
  await until('the other connection is closed', () => endings.length > 0)
  rechecker.recheck(other)
  t.equal(reads, 1)
  t.equal(endings.length, 1)
})

// Attack: a tenant whose rows are slow keeps the revoked callers of other tenants connected.
t.test('a check of what a connection follows that does not end delays no check of another tenant', async (t) => {
  let facts = keyFacts()
  let began = 0
  const { bus, endings, connect } = openRechecker(
    async () => facts,
    ([connection]) => {
      if (connection?.credential.tenant_id !== 'slow') return Promise.resolve()
      began += 1
      return new Promise(() => undefined)
    },
  )
  connect({ tenant_id: 'slow' })
  await until('the slow check has begun', () => began > 0)
  const other = connect()
  await until('the other connection is checked', () => other.standing !== undefined)
  facts = NO_FACTS
  bus.publish(ANY)
  await until('both are closed', () => endings.length === 2)
  t.ok(endings.every((code) => code === 'invalid_tenant_credentials'))
})
