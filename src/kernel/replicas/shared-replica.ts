import { randomUUID } from 'node:crypto'
import { nextRun } from '../jobs/next-run.js'
import type { JobLog } from '../jobs/schedule.js'
import { ANNOUNCEMENT_CHARACTERS_MAX } from './announcements.js'
import { type ConnectFeed, type FactFeed, LEASE_MARGIN_MS, LEASE_MS, type RegisteredReplica } from './fact-feed.js'
import { type ChangeListener, ChangeListeners, type Replica } from './replica.js'
import { type ReplicaClock, SYSTEM_CLOCK } from './replica-clock.js'
import { isVisible, type Snapshot } from './snapshot.js'

const JOB = 'replica'
/** Stands for the replicas whose rows are not read yet. It is no id. */
const UNKNOWN = 'unknown'
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

/** A moment on both clocks of a replica. */
interface Moment {
  readonly monotonic_ms: number
  readonly wall_ms: number
}

/** A row of another replica, and since when this one has seen it unchanged. */
interface Noticed {
  readonly mark: string
  readonly since_ms: number
}

/** One registration of this process. */
interface Life {
  readonly id: string
  readonly feed: FactFeed
  fence: Snapshot
  /** Whether another question must follow at once, and tell the fence to the writers that wait for it. */
  has_news: boolean
  /** Whether a writer has told of its transaction since the last question. It waits for the fence, also if no fact changed. */
  is_awaited: boolean
  /** The moment before the last answered question was sent, or the registration. */
  sent: Moment
  /** The moment from which the lease is counted; undefined without a lease. */
  leased_from: Moment | undefined
}

/**
 * A replica of a shared database (Gray and Cheriton, "Leases", SOSP 1989).
 *
 * It asks four times per lease, and at once when a change is notified, for the changes since its fence. It tells its
 * listeners, and only then moves the fence. Its lease ends LEASE_MS after the moment before the question was sent. A writer
 * waits until every registered replica has a fence behind its transaction, or until LEASE_MS after its commit: a lease from
 * before the commit has ended then, and one from after it has the change.
 *
 * A writer does not wait for a replica whose row it has seen unchanged for LEASE_MS. So the first question after such a gap
 * gives no lease: its snapshot can be from before a change whose writer did not wait.
 */
export class SharedReplica implements Replica {
  readonly #listeners = new ChangeListeners()
  readonly #connect: ConnectFeed
  readonly #log: JobLog
  readonly #clock: ReplicaClock
  readonly #waiting = new Set<Waiting>()
  readonly #noticed = new Map<string, Noticed>()
  /** Asks after the question that is running. Resolves when a question that was sent after the call has its answer. */
  readonly #askSoon = nextRun(() => this.#ask())
  /** Reads the replicas that can have a lease. The rows are read after the call, and all callers of a moment share them. */
  readonly #readSoon = nextRun(() => this.#readHere())
  #cancelLook: (() => void) | undefined
  #life: Life | undefined
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
        onChange: () => {
          if (this.#life !== undefined) this.#life.is_awaited = true
          void this.#askSoon()
        },
        onFence: (id, fence) => this.#onFence(id, fence),
        onLeave: (id) => this.#onLeave(id),
        onAnnounced: (from, texts) => this.#onAnnounced(from, texts),
        onEnd: () => this.#onEnd(feed),
      })
      await this.#register(feed)
    } catch (error) {
      this.#log.warn({ job: JOB, err: error }, 'this replica could not register, so it reads facts for every request')
      this.#restartLater()
      void feed?.close()
      return
    }
    if (this.#is_closed) await this.close()
    else await this.#askSoon()
  }

  hasLease(): boolean {
    const from = this.#life?.leased_from
    return from !== undefined && this.#isWithinLease(from)
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
    await new Promise<void>((resolve) => {
      const settle = () => {
        cancelEnd()
        this.#waiting.delete(waiting)
        resolve()
      }
      // Until the rows are read, anybody could be missing.
      const waiting: Waiting = { xid, missing: new Set([UNKNOWN, life.id]), settle }
      const cancelEnd = this.#clock.after(LEASE_MS, settle)
      this.#waiting.add(waiting)
      void this.#readSoon().then((registered) => {
        if (registered === undefined) return
        for (const { id, fence } of registered) if (!isVisible(xid, fence)) waiting.missing.add(id)
        if (this.#life === life && isVisible(xid, life.fence)) waiting.missing.delete(life.id)
        waiting.missing.delete(UNKNOWN)
        if (waiting.missing.size === 0) settle()
        else this.#lookLater(life)
      })
    })
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

  /** Texts are lost only while the connection is. Then each new registration tells the listeners of changes of facts. */
  onGap(): () => void {
    return () => undefined
  }

  count(): number {
    return this.#replicas
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
    const sent = this.#now()
    const fence = await feed.register(id)
    this.#listeners.tell('unknown')
    this.#life = { id, feed, fence, has_news: false, is_awaited: false, sent, leased_from: undefined }
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

  async #ask(): Promise<void> {
    const life = this.#life
    if (life === undefined) return
    this.#cancelTimer()
    try {
      await this.#askOnce(life)
    } catch (error) {
      this.#log.warn({ job: JOB, err: error }, 'this replica could not ask for changes of facts')
      this.#onEnd(life.feed)
      void life.feed.close()
      return
    }
    if (this.#life === undefined) return
    if (this.#life.has_news || this.#life !== life) void this.#askSoon()
    else this.#timer(ASK_EVERY_MS, () => void this.#askSoon())
  }

  async #askOnce(life: Life): Promise<void> {
    const tells = life.has_news
    const { is_awaited } = life
    life.is_awaited = false
    const sent = this.#now()
    const { snapshot, changes, is_registered, replicas } = await life.feed.ask(life.id, life.fence, tells)
    if (this.#life !== life) return
    // Another replica took this one for gone. Writers did not wait for it, and changes may have been deleted.
    if (!is_registered) return this.#register(life.feed)
    if (changes.length > 0) this.#listeners.tell(changes)
    const is_unbroken = this.#isWithinLease(life.sent)
    life.fence = snapshot
    life.has_news = changes.length > 0 || is_awaited || !is_unbroken
    life.sent = sent
    life.leased_from = is_unbroken ? sent : undefined
    this.#replicas = Math.max(1, replicas)
    this.#onFence(life.id, snapshot)
    this.#asks += 1
    if (this.#asks % SWEEP_AFTER_ASKS === 0) {
      const onError = (error: unknown) => this.#log.warn({ job: JOB, err: error }, 'old changes of facts not deleted')
      void life.feed.sweep().catch(onError)
    }
  }

  #now(): Moment {
    return { monotonic_ms: this.#clock.monotonic(), wall_ms: this.#clock.wall() }
  }

  /** Whether a lease that began at a moment lasts now. The first clock can stand still while the machine sleeps, and the second one can be set. */
  #isWithinLease({ monotonic_ms, wall_ms }: Moment): boolean {
    const valid_ms = LEASE_MS - LEASE_MARGIN_MS
    return this.#clock.monotonic() - monotonic_ms < valid_ms && this.#clock.wall() - wall_ms < valid_ms
  }

  /**
   * Reads the rows of all replicas, and leaves out those that have not changed for LEASE_MS by the clock of this process: they
   * have no lease. Counted until the rows are asked for, because a row can change before its old state arrives here.
   *
   * @returns undefined if the rows cannot be read
   */
  async #readHere(): Promise<readonly RegisteredReplica[] | undefined> {
    const asked_at_ms = this.#clock.monotonic()
    const registered = await this.#life?.feed.registered().catch(() => undefined)
    if (registered === undefined) return undefined
    const now_ms = this.#clock.monotonic()
    const ids = new Set(registered.map(({ id }) => id))
    for (const id of this.#noticed.keys()) if (!ids.has(id)) this.#noticed.delete(id)
    return registered.filter(({ id, mark }) => {
      const known = this.#noticed.get(id)
      if (known?.mark === mark) return asked_at_ms - known.since_ms < LEASE_MS
      this.#noticed.set(id, { mark, since_ms: now_ms })
      return true
    })
  }

  /** Reads the fences again while a writer waits, because a notification can be lost. */
  #lookLater(life: Life): void {
    this.#cancelLook ??= this.#clock.after(LOOK_EVERY_MS, () => {
      this.#cancelLook = undefined
      if (this.#waiting.size > 0 && this.#life === life) void this.#look(life)
    })
  }

  async #look(life: Life): Promise<void> {
    const looked_for = [...this.#waiting].filter(({ missing }) => !missing.has(UNKNOWN))
    const registered = await this.#readSoon()
    if (registered !== undefined) {
      const fences = new Map(registered.map(({ id, fence }) => [id, fence]))
      for (const { xid, missing, settle } of looked_for) {
        for (const id of missing) {
          const fence = fences.get(id)
          // Only the listeners of this process know what its own memory has dropped.
          if (id !== life.id && (fence === undefined || isVisible(xid, fence))) missing.delete(id)
        }
        if (missing.size === 0) settle()
      }
    }
    if (this.#waiting.size > 0) this.#lookLater(life)
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
