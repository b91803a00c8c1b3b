import type { Scheduler } from 'fast-check'
import type { Claims, Facts } from '../../../src/kernel/authz/facts.js'
import type { LeasedFacts, leasedFacts } from '../../../src/kernel/authz/leased-facts.js'
import type { FactFeed, FeedEvents } from '../../../src/kernel/replicas/fact-feed.js'
import type { ReplicaClock } from '../../../src/kernel/replicas/replica-clock.js'
import type { SharedReplica } from '../../../src/kernel/replicas/shared-replica.js'

/** The parts of the product that the model runs. A test gives it parts with one rule taken out. */
export interface Rules {
  readonly SharedReplica: typeof SharedReplica
  readonly leasedFacts: typeof leasedFacts
  /** Whether the feed finds changes by a number in the order of the inserts, which loses some. */
  readonly asks_by_number?: boolean
}

/** What happens in one run, apart from the order in which it happens. */
export interface Plan {
  readonly replicas: number
  /** Each is a caller at a replica that changes a fact three times. */
  readonly writers: readonly { readonly replica: number; readonly tenant: Tenant }[]
  /** Each is a caller at a replica who is decided about eight times. */
  readonly readers: readonly { readonly replica: number; readonly tenant: Tenant }[]
  /** Connections that end, by the number of the replica. */
  readonly cuts: readonly number[]
  /** Of the notifications, in turn, whether they are lost. */
  readonly lost: readonly boolean[]
  /** The time passes in steps of this size, in milliseconds. */
  readonly tick_ms: number
  /** A row of a replica is deleted when it is as old as this, in milliseconds. */
  readonly forgotten_after_ms: number
}

export const TENANTS = ['a', 'b'] as const
export type Tenant = (typeof TENANTS)[number]

/** The time passes in so many steps. */
const TICKS = 40
const WRITES = 3
const READS = 8

interface Row {
  fence: string
  mark: string
  seen_at_ms: number
}

/** A database with transactions that commit in any order, notifications that get lost, and a clock. */
class Model {
  now_ms = 0
  readonly rows = new Map<string, Row>()
  readonly versions: Record<Tenant, number> = { a: 1, b: 1 }
  /** The versions whose changes were answered. No later request may be decided by an older one. */
  readonly answered: Record<Tenant, number> = { a: 1, b: 1 }
  readonly #connections = new Set<FeedEvents>()
  readonly #active = new Set<number>()
  readonly #timers = new Set<{ readonly at_ms: number; readonly callback: () => void }>()
  #changes: { readonly xid: number; readonly number: number; readonly tenant: Tenant }[] = []
  #next_xid = 10
  #next_number = 1
  #notified = 0
  #marks = 0

  constructor(
    private readonly scheduler: Scheduler,
    private readonly plan: Plan,
    private readonly rules: Rules,
  ) {}

  readonly clock: ReplicaClock = {
    monotonic: () => this.now_ms,
    wall: () => this.now_ms,
    after: (ms, callback) => {
      const timer = { at_ms: this.now_ms + ms, callback }
      this.#timers.add(timer)
      return () => void this.#timers.delete(timer)
    },
  }

  /** Waits until the scheduler lets this part go on. */
  step(label: string): Promise<void> {
    return this.scheduler.schedule(Promise.resolve(), label).then(() => undefined)
  }

  async pass(): Promise<void> {
    for (let tick = 0; tick < TICKS; tick += 1) {
      await this.step('tick')
      this.now_ms += this.plan.tick_ms
      for (const timer of [...this.#timers].filter(({ at_ms }) => at_ms <= this.now_ms)) {
        if (this.#timers.delete(timer)) timer.callback()
      }
    }
  }

  /** Changes a fact. @returns the number of the transaction, and the version that it made */
  async write(tenant: Tenant): Promise<{ readonly xid: string; readonly version: number }> {
    const xid = this.#next_xid++
    const number = this.#next_number++
    this.#active.add(xid)
    await this.step(`commit ${xid}`)
    this.#active.delete(xid)
    this.#changes.push({ xid, number, tenant })
    this.versions[tenant] += 1
    this.#notify((events) => events.onChange())
    return { xid: String(xid), version: this.versions[tenant] }
  }

  async read(tenant: Tenant): Promise<Facts> {
    await this.step('facts asked')
    const facts = factsOf(tenant, this.versions[tenant])
    await this.step('facts answered')
    return facts
  }

  /** Ends the connections that a replica has now. */
  async cut(replica: number, events_of: readonly Set<FeedEvents>[]): Promise<void> {
    await this.step(`cut ${replica}`)
    for (const events of events_of[replica] ?? []) {
      if (!this.#connections.delete(events)) continue
      // The other side notices later.
      void this.step('end noticed').then(() => events.onEnd())
    }
  }

  async connect(events: FeedEvents): Promise<FactFeed> {
    await this.step('connect')
    this.#connections.add(events)
    const numbers = { last: this.#next_number - 1 }
    const answered = async <T>(label: string, answer: () => T): Promise<T> => {
      await this.step(label)
      if (!this.#connections.has(events)) throw new Error('the connection has ended')
      const value = answer()
      await this.step(`${label} answered`)
      if (!this.#connections.has(events)) throw new Error('the connection has ended')
      return value
    }
    return {
      register: async (id) => {
        const fence = await answered('register', () => this.#snapshot())
        return answered('commit of the registration', () => {
          this.rows.set(id, { fence, mark: String(this.#marks++), seen_at_ms: this.now_ms })
          return fence
        })
      },
      ask: async (id, fence, tells) => {
        await this.step('ask')
        const snapshot = this.#snapshot()
        // The snapshot is taken before others see the row.
        const found = this.rules.asks_by_number
          ? this.#changes.filter(({ number }) => number > numbers.last)
          : this.#changes.filter(({ xid }) => !isIn(xid, fence))
        numbers.last = Math.max(numbers.last, ...found.map(({ number }) => number))
        const changes = found.map(({ tenant }) => ({ about: 'tenant' as const, tenant_id: tenant }))
        return answered('commit of the question', () => {
          const row = this.rows.get(id)
          if (row !== undefined) Object.assign(row, { fence, mark: String(this.#marks++), seen_at_ms: this.now_ms })
          if (tells) this.#notify((each) => each.onFence(id, fence))
          return { snapshot, changes, is_registered: row !== undefined, replicas: this.rows.size }
        })
      },
      registered: () =>
        answered('registered', () => [...this.rows].map(([id, { fence, mark }]) => ({ id, fence, mark }))),
      sweep: async () => undefined,
      announce: async () => undefined,
      leave: async (id) => void this.rows.delete(id),
      close: async () => void this.#connections.delete(events),
    }
  }

  /** Forgets replicas that were not seen for long, and the changes that no other one needs. */
  async sweep(): Promise<void> {
    for (let turn = 0; turn < 6; turn += 1) {
      await this.step('sweep')
      for (const [id, { seen_at_ms }] of this.rows) {
        if (seen_at_ms < this.now_ms - this.plan.forgotten_after_ms) this.rows.delete(id)
      }
      const oldest = Math.min(...[...this.rows.values()].map(({ fence }) => Number(fence.split(':')[0])))
      this.#changes = this.#changes.filter(({ xid }) => xid >= oldest)
    }
  }

  #snapshot(): string {
    const active = [...this.#active].sort((one, other) => one - other)
    return `${active[0] ?? this.#next_xid}:${this.#next_xid}:${active.join(',')}`
  }

  #notify(tell: (events: FeedEvents) => void): void {
    for (const events of this.#connections) {
      const is_lost = this.plan.lost[this.#notified++ % Math.max(1, this.plan.lost.length)] === true
      if (!is_lost) void this.step('notified').then(() => this.#connections.has(events) && tell(events))
    }
  }
}

/**
 * Runs a plan in the order of a scheduler.
 * @returns each decision that was made by what was before an answered change
 */
export async function runModel(scheduler: Scheduler, plan: Plan, rules: Rules): Promise<string[]> {
  const model = new Model(scheduler, plan, rules)
  const stale: string[] = []
  const events_of = Array.from({ length: plan.replicas }, () => new Set<FeedEvents>())
  const replicas = events_of.map((events_here) => {
    const connect = (events: FeedEvents) => {
      events_here.add(events)
      return model.connect(events)
    }
    const replica = new rules.SharedReplica(connect, { warn: () => undefined }, model.clock)
    const facts = rules.leasedFacts({ read: ({ tenant_id }) => model.read(tenant_id as Tenant) }, replica)
    return { replica, facts }
  })
  const at = (number: number) => replicas[number % plan.replicas] as { replica: SharedReplica; facts: LeasedFacts }

  const write = async ({ replica, tenant }: Plan['writers'][number]) => {
    for (let turn = 0; turn < WRITES; turn += 1) {
      await model.step('write')
      const { xid, version } = await model.write(tenant)
      await at(replica).replica.pass(xid)
      model.answered[tenant] = Math.max(model.answered[tenant], version)
    }
  }
  const read = async ({ replica, tenant }: Plan['readers'][number]) => {
    for (let turn = 0; turn < READS; turn += 1) {
      await model.step('request')
      const expected = model.answered[tenant]
      const { tenant: found } = await at(replica).facts.read(claimsOf(tenant))
      if (Number(found?.name) < expected) stale.push(`${tenant}: ${found?.name} after ${expected} was answered`)
    }
  }
  for (const { replica } of replicas) void replica.start()
  for (const writer of plan.writers) void write(writer)
  for (const reader of plan.readers) void read(reader)
  for (const replica of plan.cuts) void model.cut(replica % plan.replicas, events_of)
  void model.pass()
  void model.sweep()
  while (scheduler.count() > 0) await scheduler.waitAll()
  return stale
}

/** A snapshot as the database reads it. */
function isIn(xid: number, snapshot: string): boolean {
  const [xmin, xmax, active] = snapshot.split(':') as [string, string, string]
  return xid < Number(xmin) || (xid < Number(xmax) && !active.split(',').includes(String(xid)))
}

function claimsOf(tenant: Tenant): Claims {
  return { tenant_id: tenant, key_id: null, session_id: null, user_id: null }
}

function factsOf(tenant: Tenant, version: number): Facts {
  const fact = { id: tenant, name: String(version), allowed_origins: [], requests_per_minute: null }
  return {
    tenant: { ...fact, trial_ends_at: null, suspended_at: null, suspended_until: null, suspension_reason: null },
    key: null,
    user: null,
    session: null,
    membership: null,
  }
}
