import { ClientFrames } from '../../../../src/features/conversations/stream/client-frames.js'
import type { Connection, Ending } from '../../../../src/kernel/live/connection.js'
import { Problem, unavailable } from '../../../../src/kernel/problems/problems.js'
import { t } from '../../../helpers/t.js'

// Attack: sends 10,000 pings in one packet. The frames after the one that closed the connection must cost nothing, or
// other clients wait.
t.test('frames after the close of a connection are ignored', async (t) => {
  const endings: Ending[] = []
  let asked = 0
  let sent = 0
  const connection = {
    get is_open() {
      return endings.length === 0
    },
    end: (ending: Ending) => void endings.push(ending),
  }
  const parts = {
    bus: undefined as never,
    limiter: undefined as never,
    clock: () => {
      asked += 1
      return 1_800_000_000_000
    },
    standingNow: undefined as never,
    public_url: 'http://gateway.test',
  }
  const socket = {
    send: () => {
      sent += 1
    },
  }
  const frames = new ClientFrames(parts, socket as never, connection as unknown as Connection, 'request')
  for (let count = 0; count < 100; count += 1) frames.countControl()
  t.equal(endings.length, 1)
  t.equal(endings[0]?.problem.code, 'rate_limited')
  const before = { asked, sent }
  for (let count = 0; count < 10_000; count += 1) frames.countControl()
  await frames.onFrame(Buffer.from('no json'), false)
  t.same({ asked, sent }, before)
})

// Attack: a member whose right has just ended goes on typing, until the check of the open connections has its turn.
t.test('a frame is decided by the rights of its moment, and their end closes the connection', async (t) => {
  const endings: Ending[] = []
  const published: unknown[] = []
  const connection = {
    get is_open() {
      return endings.length === 0
    },
    tenant_id: 'tenant',
    conversation_id: 'talk',
    end: (ending: Ending) => void endings.push(ending),
  }
  let is_member = true
  let is_away = false
  const standing = {
    principal: { kind: 'user', id: 'ann', session_id: 'session', key_id: null },
    holdings: {
      kind: 'user',
      id: 'ann',
      roles: [{ name: 'Agent', system_role: null, scopes: ['conversations:reply'] }],
      overrides: [],
    },
  }
  const parts = {
    bus: { publish: (event: unknown) => void published.push(event) } as never,
    limiter: { count: async () => ({ is_exceeded: false }) } as never,
    clock: () => 1_800_000_000_000,
    standingNow: async () => {
      if (is_away) throw unavailable('the database is away', 1)
      if (!is_member) throw new Problem('tenant_access_denied')
      return standing as never
    },
    public_url: 'http://gateway.test',
  }
  const socket = { send: () => undefined }
  const frames = new ClientFrames(parts, socket as never, connection as unknown as Connection, 'request')
  const types = () => frames.onFrame(Buffer.from('{"type":"typing","is_typing":true}'), false)
  await types()
  t.equal(published.length, 1)
  is_away = true
  await types()
  t.equal(published.length, 1, 'nobody hears of it while the rights cannot be read')
  t.same(endings, [], 'and the connection has a lease')
  is_away = false
  is_member = false
  await types()
  t.equal(published.length, 1, 'nobody hears of it')
  t.equal(endings[0]?.problem.code, 'tenant_access_denied')
})
