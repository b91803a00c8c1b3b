import { seededRandom } from '../../../helpers/random.js'
import { t } from '../../../helpers/t.js'
import { until } from '../../../helpers/until.js'
import { startListening } from './world.js'

const WRITERS = 200
const LISTENERS_OF_A_KIND = 4
/** 200 transactions wait for one row, and all other requests wait for them. */
const BUSY_MS_MAX = 120_000
const PATIENTLY = { within_ms: BUSY_MS_MAX }
/** A connection is cut after at most this number of messages. */
const HEARD_MAX = 30
const random = seededRandom(t)

const here = await startListening()
t.teardown(() => here.close())
const { connect, listen, events, poll, open, say } = here

/** A client that records each seq, and reconnects after the last one when its connection is cut. */
interface Follow {
  readonly seen: number[]
  readonly connects: () => number
  run(): Promise<void>
}

type Wait = (after: number, heard: (seq: number) => void, cut: () => Promise<unknown>) => Promise<void>

function follower(wait: Wait): Follow {
  const seen: number[] = []
  let connects = 0
  const isDone = () => (seen.at(-1) ?? 0) >= WRITERS
  return {
    seen,
    connects: () => connects,
    async run() {
      while (!isDone()) {
        connects += 1
        const before = seen.length
        // The cut comes after at least one message. Otherwise a client could reconnect without progress for ever.
        const enough = before + 1 + Math.floor(random() * HEARD_MAX)
        const cut = () => until('the client has enough messages', () => isDone() || seen.length >= enough, PATIENTLY)
        await wait(seen.at(-1) ?? 0, (seq) => seen.push(seq), cut)
      }
    },
  }
}

const bySocket = (id: string) =>
  follower(async (after, heard, cut) => {
    const socket = await connect('agent', id, `?after=${after}`)
    let is_cut = false
    const hear = ({ type, payload }: { type: string; payload: { seq: number } }) => {
      if (type === 'chat_message' && !is_cut) heard(payload.seq)
    }
    socket.socket.on('message', (data) => hear(JSON.parse(String(data))))
    await cut()
    is_cut = true
    if (random() < 0.5) socket.socket.terminate()
    else socket.socket.close()
    await socket.closed(BUSY_MS_MAX)
  })

const byEvents = (id: string) =>
  follower(async (after, heard, cut) => {
    const stream = await events('lead', id, '?after=0', { 'last-event-id': String(after) })
    let is_cut = false
    stream.onEvent(({ type, payload }) => {
      if (type === 'chat_message' && !is_cut) heard(payload.seq)
    })
    await cut()
    is_cut = true
    stream.close()
  })

const byPoll = (id: string) =>
  follower(async (after, heard) => {
    const { status, body, text } = await poll('owner', id, after, 5)
    if (status !== 200) throw new Error(text)
    for (const { seq } of body.data) heard(seq)
  })

// This covers races between commit, publication, replay and the change from replay to live.
t.test('200 concurrent writers: every listener of every kind gets the seqs 1 to 200 once, in order', async (t) => {
  const { id } = await open()
  const followers = Array.from({ length: LISTENERS_OF_A_KIND }, () => [bySocket(id), byEvents(id), byPoll(id)]).flat()
  const running = followers.map((each) => each.run())
  const staying = await listen('agent', id, '?after=0')
  const written = await Promise.all(
    Array.from({ length: WRITERS }, (_each, index) => say('lead', id, `message ${index}`)),
  )
  const every = Array.from({ length: WRITERS }, (_each, index) => index + 1)
  t.same(
    written.map(({ seq }) => seq).sort((one, other) => one - other),
    every,
    'the stored seqs have no gap and no repeat',
  )
  await Promise.all(running)
  for (const [index, { seen }] of followers.entries()) {
    t.equal(String(seen), String(every), String(['a socket', 'a stream of events', 'polling'][index % 3]))
  }
  await until('all messages of the uncut connection', () => staying.frames.length === WRITERS + 1, PATIENTLY)
  t.equal(String(staying.frames.slice(1).map(({ payload }) => payload.seq)), String(every), 'an uncut connection')
  const connects = followers.reduce((sum, each) => sum + each.connects(), 0)
  t.ok(connects > followers.length, `${connects} connections of ${followers.length} listeners`)
})
