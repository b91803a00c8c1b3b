import { randomUUID } from 'node:crypto'
import type { JobLog } from '../jobs/schedule.js'
import { type ConnectFeed, type FactFeed, LEASE_MARGIN_MS, LEASE_MS, type RegisteredReplica } from './fact-feed.js'
import {
  ANNOUNCEMENT_CHARACTERS_MAX,
  type ChangeListener,
  ChangeListeners,
  type Replica,
  type ReplicaState,
} from './replica.js'
import { type ReplicaClock, SYSTEM_CLOCK } from './replica-clock.js'
import { isVisible, type Snapshot } from './snapshot.js'

const JOB = 'replica'
const ASK_EVERY_MS = LEASE_MS / 4
const RECONNECT_AFTER_MS = 100
/** A notification can be lost. A writer that waits reads the fences from the table this often. */
const LOOK_EVERY_MS = 50
/** Changes are deleted after this many questions, so about every 15 s. */
const SWEEP_AFTER_ASKS = 60

/** Texts that wait to be sent. Beyond them a text is lost, and its listeners find later what it would have told. */
const ANNOUNCEMENTS_MAX = 5_000

/** A writer that waits for the fences of replicas. */
interface Waiting {
  readonly xid: string
  readonly missing: Set<string>
  readonly settle: () => void
}

/** One registration of this process. */
interface Life {
  readonly id: string
  readonly feed: FactFeed
  fence: Snapshot
  /** Whether the fence has changed since it was told to the writers that wait for it. */
  has_news: boolean
  /** The moment before the last answered question was sent. */
  asked_at_ms: number
  asked_wall_ms: number
}

/**
 * A replica of a shared database (Gray and Cheriton, "Leases", SOSP 1989).
 *
 * It asks four times per lease, and at once when a change is notified, for the changes since its fence. It tells its
 * listeners, and only then moves the fence. Its lease ends LEASE_MS after the moment before the question was sent. A writer
 * waits until every registered replica has a fence behind its transaction, or until LEASE_MS after its commit: a lease from
 * before the commit has ended then, and one from after it has the change.
 */
export class SharedReplica implements Replica {
  readonly #listeners = new ChangeListeners()
  readonly #connect: ConnectFeed
  readonly #log: JobLog
  readonly #clock: ReplicaClock
  readonly #waiting = new Set<Waiting>()
  #life: Life | undefined
  #asking: Promise<void> = Promise.resolve()
  #next_asking: Promise<void> | undefined
  #is_closed = false
  #asks = 0
  #replicas = 1
  readonly #on_announced = new Set<(text: string) => void>()
  #announcements: string[] = []
  #announcing: Promise<void> | undefined
  #cancelTimer: () => void = () => undefined

  constructor(connect: ConnectFeed, log: JobLog, clock: ReplicaClock = SYSTEM_CLOCK) {
    this.#connect = connect
    this.#log = log
    this.#clock = clock
  }

  /** Connects and registers. If that fails, the replica goes on trying, and has no lease until then. */
  async start(): Promise<void> {
    let feed: FactFeed | undefined
    try {
      feed = await this.#connect({
        onChange: () => void this.#askSoon(),
        onFence: (id, fence) => this.#onFence(id, fence),
        onLeave: (id) => this.#onLeave(id),
        onAnnounced: (from, texts) => this.#onAnnounced(from, texts),
        onEnd: () => this.#onEnd(feed),
      })
      await this.#register(feed)
    } catch (error) {
      this.#log.warn({ job: JOB, err: error }, 'this replica could not register, so it reads facts for every request')
      await feed?.close()
      this.#restartLater()
      return
    }
    if (this.#is_closed) await this.close()
    else await this.#askSoon()
  }

  hasLease(): boolean {
    const life = this.#life
    if (life === undefined) return false
    const valid_ms = LEASE_MS - LEASE_MARGIN_MS
    // The first clock can stand still while the machine sleeps, and the second one can be set.
    return this.#clock.monotonic() - life.asked_at_ms < valid_ms && this.#clock.wall() - life.asked_wall_ms < valid_ms
  }

  onChanges(listener: ChangeListener): () => void {
    return this.#listeners.add(listener)
  }

  catchUp(): Promise<void> {
    return this.#askSoon()
  }

  async pass(xid: string): Promise<void> {
    const ends_at_ms = this.#clock.monotonic() + LEASE_MS
    const life = this.#life
    // Without a row of its own this replica does not hear of fences.
    if (life === undefined) return this.#sleepUntil(ends_at_ms)
    void this.#askSoon()
    const registered = await Promise.race([registeredAt(life), this.#sleepUntil(ends_at_ms)])
    if (registered === undefined) return this.#sleepUntil(ends_at_ms)
    const missing = new Set(registered.filter(({ fence }) => !isVisible(xid, fence)).map(({ id }) => id))
    if (this.#life === life && isVisible(xid, life.fence)) missing.delete(life.id)
    else missing.add(life.id)
    if (missing.size > 0) await this.#fencesOf(life, { xid, missing }, ends_at_ms)
  }

  announce(text: string): void {
    if (this.#replicas < 2 || this.#life === undefined || text.length > ANNOUNCEMENT_CHARACTERS_MAX) return
    if (this.#announcements.length >= ANNOUNCEMENTS_MAX) return
    this.#announcements.push(text)
    this.#announcing ??= this.#sendAnnouncements().finally(() => {
      this.#announcing = undefined
    })
  }

  onAnnounced(listener: (text: string) => void): () => void {
    this.#on_announced.add(listener)
    return () => void this.#on_announced.delete(listener)
  }

  state(): ReplicaState {
    return { has_lease: this.hasLease(), replicas: this.#replicas }
  }

  async close(): Promise<void> {
    this.#is_closed = true
    const life = this.#life
    this.#end()
    if (life === undefined) return
    await life.feed.leave(life.id).catch(() => undefined)
    await life.feed.close()
  }

  /** Sends together what was announced while the texts before were sent. */
  async #sendAnnouncements(): Promise<void> {
    await Promise.resolve()
    while (this.#announcements.length > 0) {
      const texts = this.#announcements
      this.#announcements = []
      const life = this.#life
      // If the connection is lost, so are the texts.
      await life?.feed.announce(life.id, texts).catch(() => undefined)
    }
  }

  #onAnnounced(from: string, texts: readonly string[]): void {
    if (from === this.#life?.id) return
    for (const text of texts) for (const listener of this.#on_announced) listener(text)
  }

  /** Begins a new life. Nothing that was read before may be remembered, because nobody told this replica of its changes. */
  async #register(feed: FactFeed): Promise<void> {
    const id = randomUUID()
    const fence = await feed.register(id)
    this.#listeners.tell('unknown')
    const never = Number.NEGATIVE_INFINITY
    this.#life = { id, feed, fence, has_news: false, asked_at_ms: never, asked_wall_ms: never }
  }

  #end(): void {
    this.#cancelTimer()
    this.#life = undefined
    this.#listeners.tell('unknown')
  }

  #onEnd(feed: FactFeed | undefined): void {
    if (this.#life === undefined || this.#life.feed !== feed) return
    this.#end()
    this.#restartLater()
  }

  #restartLater(): void {
    if (!this.#is_closed) this.#timer(RECONNECT_AFTER_MS, () => void this.start())
  }

  /** Asks after the question that is running. Resolves when a question that was sent after this call has its answer. */
  #askSoon(): Promise<void> {
    this.#next_asking ??= this.#asking.then(() => {
      this.#next_asking = undefined
      this.#asking = this.#ask()
      return this.#asking
    })
    return this.#next_asking
  }

  async #ask(): Promise<void> {
    const life = this.#life
    if (life === undefined) return
    this.#cancelTimer()
    try {
      await this.#askOnce(life)
    } catch (error) {
      this.#log.warn({ job: JOB, err: error }, 'this replica could not ask for changes of facts')
      this.#onEnd(life.feed)
      await life.feed.close()
      return
    }
    if (this.#life === undefined) return
    if (this.#life.has_news || this.#life !== life) void this.#askSoon()
    else this.#timer(ASK_EVERY_MS, () => void this.#askSoon())
  }

  async #askOnce(life: Life): Promise<void> {
    const tells = life.has_news
    const asked_at_ms = this.#clock.monotonic()
    const asked_wall_ms = this.#clock.wall()
    const { snapshot, changes, is_registered, replicas } = await life.feed.ask(life.id, life.fence, tells)
    if (this.#life !== life) return
    // Another replica took this one for gone. Writers did not wait for it, and changes may have been deleted.
    if (!is_registered) return this.#register(life.feed)
    if (changes.length > 0) this.#listeners.tell(changes)
    life.fence = snapshot
    life.has_news = changes.length > 0
    life.asked_at_ms = asked_at_ms
    life.asked_wall_ms = asked_wall_ms
    this.#replicas = Math.max(1, replicas)
    this.#onFence(life.id, snapshot)
    this.#asks += 1
    if (this.#asks % SWEEP_AFTER_ASKS === 0) await life.feed.sweep()
  }

  /** Waits for fences behind a transaction, until the leases from before it have ended. */
  #fencesOf(life: Life, { xid, missing }: Pick<Waiting, 'xid' | 'missing'>, ends_at_ms: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel: Record<'end' | 'look', () => void> = { end: () => undefined, look: () => undefined }
      const settle = () => {
        cancel.end()
        cancel.look()
        this.#waiting.delete(waiting)
        resolve()
      }
      const waiting: Waiting = { xid, missing, settle }
      const look = async () => {
        const registered = await registeredAt(life)
        if (registered !== undefined) this.#onRegistered(life, waiting, registered)
        if (this.#waiting.has(waiting)) cancel.look = this.#clock.after(LOOK_EVERY_MS, () => void look())
      }
      this.#waiting.add(waiting)
      cancel.end = this.#clock.after(ends_at_ms - this.#clock.monotonic(), settle)
      cancel.look = this.#clock.after(LOOK_EVERY_MS, () => void look())
    })
  }

  /** Takes off the list of a writer who has a fence behind it, and who is not registered any more. */
  #onRegistered(life: Life, { xid, missing, settle }: Waiting, registered: readonly RegisteredReplica[]): void {
    const fences = new Map(registered.map(({ id, fence }) => [id, fence]))
    for (const id of missing) {
      const fence = fences.get(id)
      // Only the listeners of this process know what its own memory has dropped.
      if (id !== life.id && (fence === undefined || isVisible(xid, fence))) missing.delete(id)
    }
    if (missing.size === 0) settle()
  }

  #onFence(id: string, fence: Snapshot): void {
    for (const { xid, missing, settle } of this.#waiting) {
      if (missing.has(id) && isVisible(xid, fence) && missing.delete(id) && missing.size === 0) settle()
    }
  }

  #onLeave(id: string): void {
    for (const { missing, settle } of this.#waiting) if (missing.delete(id) && missing.size === 0) settle()
  }

  #sleepUntil(at_ms: number): Promise<undefined> {
    const ms = Math.max(0, at_ms - this.#clock.monotonic())
    return new Promise((resolve) => void this.#clock.after(ms, () => resolve(undefined)))
  }

  #timer(ms: number, callback: () => void): void {
    this.#cancelTimer()
    this.#cancelTimer = this.#clock.after(ms, callback)
  }
}

/** The registered replicas; undefined if they cannot be read. */
function registeredAt({ feed }: Life): Promise<readonly RegisteredReplica[] | undefined> {
  return feed.registered().catch(() => undefined)
}
