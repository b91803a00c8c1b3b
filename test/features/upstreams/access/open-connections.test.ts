import { TABLE } from '../../../../src/app/pipeline/index.js'
import { OpenConnections } from '../../../../src/features/upstreams/access/open-connections.js'
import { accessRules } from '../../../../src/kernel/authz/access-rules.js'
import { type Facts, NO_FACTS } from '../../../../src/kernel/authz/facts.js'
import { BUILT_IN_SCOPES } from '../../../../src/kernel/permissions/scope-catalogue.js'
import { unavailable } from '../../../../src/kernel/problems/problems.js'
import { openBus } from '../../../../src/kernel/store/bus.js'
import { deferred } from '../../../helpers/deferred.js'
import { t } from '../../../helpers/t.js'
import { until } from '../../../helpers/until.js'

const NOW_MS = 1_800_000_000_000
const DIGEST = new Uint8Array(32)
const RIGHTS = { kind: 'rights_changed' as const, tenant_id: 'tenant', user_id: null, conversation_id: null }

/** Facts of an active key. It expires at `expires_at`, or never if that is null. */
function goodFacts(expires_at: string | null): Facts {
  const key = {
    ...{ id: 'key', name: 'Key', scopes: [], secret_digest: DIGEST, secret_created_at: '2026-01-01T00:00:00.000Z' },
    ...{ previous_digest: null, previous_expires_at: null, allowed_cidrs: null, requests_per_minute: null },
    ...{ expires_at, disabled_at: null, revoked_at: null },
  }
  const tenant = {
    ...{ id: 'tenant', name: 'Tenant', allowed_origins: [], requests_per_minute: null, trial_ends_at: null },
    ...{ suspended_at: null, suspended_until: null, suspension_reason: null },
  }
  return { ...NO_FACTS, tenant, key }
}

/** Registers one connection, and records how the access recheck closes it. */
function openOne(read: () => Promise<Facts>, clock: () => number) {
  const closes: { code: number; reason: string }[] = []
  const ended = deferred()
  const bus = openBus((error) => t.fail(String(error)))
  const connections = new OpenConnections({
    facts: { read, onChanges: () => () => undefined },
    rules: accessRules(TABLE, () => BUILT_IN_SCOPES),
    bus,
    clock,
    log: { warn: () => undefined },
  })
  t.teardown(() => connections.close())
  connections.add({
    connection: {
      ended: ended.promise,
      close(code, reason) {
        closes.push({ code, reason })
        ended.resolve()
      },
    },
    credential: {
      ...{ tenant_id: 'tenant', key_id: 'key', key_digest: DIGEST, session_id: null, user_id: null },
      token_expires_at_ms: null,
    },
    location: { address: '127.0.0.1', origin: undefined },
    declared: () => ({ access: { kind: 'tenant', scopes: [] } }) as never,
    ends_by_itself: false,
  })
  return { bus, closes }
}

// Attack: uses a revoked key while the database is unavailable. A recheck that fails must be repeated soon, or the
// relay stays open until the periodic recheck.
t.test('4401 a revocation during a database failure closes the relay when the recheck is repeated', async (t) => {
  const answers: (() => Promise<Facts>)[] = [
    async () => goodFacts(null),
    () => Promise.reject(unavailable('the database is away', 1)),
  ]
  let asked = 0
  const read = () => {
    asked += 1
    return answers.shift()?.() ?? Promise.resolve(NO_FACTS)
  }
  const { bus, closes } = openOne(read, () => NOW_MS)
  await until('access was checked', () => asked === 1)
  bus.publish(RIGHTS)
  await until('the relay is closed', () => closes.length > 0)
  t.same(closes[0], { code: 4401, reason: 'invalid_tenant_credentials' })
})

t.test('4401 a key that expires closes the relay even if the database is unavailable', async (t) => {
  let now_ms = NOW_MS
  let asked = 0
  const read = () => {
    asked += 1
    if (asked > 1) return Promise.reject(unavailable('the database is away', 1))
    return Promise.resolve(goodFacts(new Date(NOW_MS + 60_000).toISOString()))
  }
  const { closes } = openOne(read, () => now_ms)
  await until('access was checked', () => asked === 1)
  now_ms += 60_000
  await until('the relay is closed', () => closes.length > 0)
  t.same(closes[0], { code: 4401, reason: 'invalid_tenant_credentials' })
})
