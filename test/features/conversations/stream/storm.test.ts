import { seededRandom } from '../../../helpers/random.js'
import { t } from '../../../helpers/t.js'
import { until } from '../../../helpers/until.js'
import { startListening } from './world.js'

const WRITERS = 200
const LISTENERS_OF_A_KIND = 4
/** Two hundred transactions wait for one row, and everybody else for them. */
const BUSY_MS_MAX = 120_000
const PATIENTLY = { within_ms: BUSY_MS_MAX }
/** A connection breaks after at most as many messages. */
const HEARD_MAX = 30
const random = seededRandom(t)

const here = await startListening()
t.teardown(() => here.close())
const { connect, listen, events, poll, open, say } = here

/** A client that writes down what it sees, and goes on after whatever it has when its connection breaks. */
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
        // A connection breaks at any message, but not before the first: a listener would never come to an end.
        const enough = before + 1 + Math.floor(random() * HEARD_MAX)
        const cut = () => until('enough is heard', () => isDone() || seen.length >= enough, PATIENTLY)
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

// Stops every race between commit, publication, replay and going live that a busy conversation can have.
t.test('200 writers at once: seq 1 to 200, and every listener of every kind saw exactly that', async (t) => {
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
    'no gap and no repeat in the log',
  )
  await Promise.all(running)
  for (const [index, { seen }] of followers.entries()) {
    t.equal(String(seen), String(every), String(['a socket', 'a stream of events', 'polling'][index % 3]))
  }
  await until('all of them', () => staying.frames.length === WRITERS + 1, PATIENTLY)
  t.equal(String(staying.frames.slice(1).map(({ payload }) => payload.seq)), String(every), 'one that stayed')
  const connects = followers.reduce((sum, each) => sum + each.connects(), 0)
  t.ok(connects > followers.length, `${connects} connections of ${followers.length} listeners`)
})
