import type { Listen, ListeningConnection } from '../database/database.js'
import { type ChangeRow, changeOf } from './fact-change.js'
import { type ConnectFeed, type FactFeed, type FeedEvents, GONE_AFTER_MS, type RegisteredReplica } from './fact-feed.js'
import type { Snapshot } from './snapshot.js'
import { changesAfter } from './statements.js'

const CHANGES_CHANNEL = 'gatehouse_fact_changes'
const FENCES_CHANNEL = 'gatehouse_fences'
const EVENTS_CHANNEL = 'gatehouse_events'
/** PostgreSQL takes payloads of fewer than 8,000 bytes. A longer fence is found in the table. */
const PAYLOAD_BYTES_MAX = 7_900
/** A row is deleted long after its lease has ended, so that a replica which was slow keeps its place. */
const FORGOTTEN_AFTER_MS = 10 * GONE_AFTER_MS
const IS_HERE = `seen_at > clock_timestamp() - interval '${GONE_AFTER_MS} milliseconds'`

const REGISTER = `insert into fact_replicas (id, fence, seen_at) values ($1, pg_current_snapshot(), clock_timestamp())
  returning fence::text as fence`

const ASK = `with said as (
  update fact_replicas set fence = $2::text::pg_snapshot, seen_at = clock_timestamp() where id = $1::uuid returning id)
select pg_current_snapshot()::text as snapshot, exists (select from said) as is_registered,
  (select count(*)::int from fact_replicas where ${IS_HERE}) as replicas,
  ${changesAfter('$2::text::pg_snapshot')} as changes, case when $3::text <> '' then pg_notify('${FENCES_CHANNEL}', $3) end`

const ANNOUNCE = `select pg_notify('${EVENTS_CHANNEL}', payload) from unnest($1::text[]) as payload`

const LEAVE = `with left_now as (delete from fact_replicas where id = $1::uuid)
  select pg_notify('${FENCES_CHANNEL}', $1 || ' left')`
const REGISTERED = 'select id::text as id, fence::text as fence, seen_at::text as mark from fact_replicas'
const FORGET = `delete from fact_replicas where seen_at < clock_timestamp() - interval '${FORGOTTEN_AFTER_MS} milliseconds'`
/** The most changes that one sweep deletes. More would hold up the questions behind it. */
const SWEPT_MAX = 5_000
/** One replica sweeps at a time. The role of the platform may delete changes, and may not lock them, because it may not change them. */
const SWEEP_LOCK = 727_003
/**
 * Every fence contains the transactions that had ended before the oldest one, so no replica needs their changes. A visible
 * change from beyond the newest transaction was restored from the backup of another server.
 */
const DELETE_OLD = `with turn as materialized (select pg_try_advisory_xact_lock(${SWEEP_LOCK}) as is_mine)
  delete from fact_changes using turn where is_mine and ctid = any (array(
    select ctid from fact_changes
    where xid < (select pg_snapshot_xmin(fence) as xmin from fact_replicas order by xmin limit 1)
      or xid >= pg_snapshot_xmax(pg_current_snapshot())
    limit ${SWEPT_MAX}))`

interface AskedRow {
  readonly snapshot: Snapshot
  readonly is_registered: boolean
  readonly replicas: number
  readonly changes: readonly ChangeRow[]
}

/** Makes the function that connects a replica to PostgreSQL. */
export function feedOf(listen: Listen): ConnectFeed {
  return async (events) => {
    const connection = await listen([CHANGES_CHANNEL, FENCES_CHANNEL, EVENTS_CHANNEL], {
      onNotification: (channel, payload) => onNotification(events, channel, payload),
      onEnd: () => events.onEnd(),
    })
    return new ListeningFeed(connection)
  }
}

function onNotification(events: FeedEvents, channel: string, payload: string): void {
  if (channel === CHANGES_CHANNEL) return void events.onChange()
  if (channel === EVENTS_CHANNEL) {
    const [from = '', ...texts] = payload.split('\n')
    return void events.onAnnounced(from, texts)
  }
  const [id = '', fence = ''] = payload.split(' ')
  if (fence === 'left') events.onLeave(id)
  else if (fence !== '') events.onFence(id, fence)
}

class ListeningFeed implements FactFeed {
  readonly #connection: ListeningConnection

  constructor(connection: ListeningConnection) {
    this.#connection = connection
  }

  async register(id: string): Promise<Snapshot> {
    // A writer must find the row after a crash of the server too.
    await this.#connection.run('begin', [])
    await this.#connection.run('set local synchronous_commit = on', [])
    const [row] = (await this.#connection.run(REGISTER, [id])) as [{ fence: Snapshot }]
    await this.#connection.run('commit', [])
    return row.fence
  }

  async ask(id: string, fence: Snapshot, tells: boolean) {
    const told = `${id} ${fence}`
    const told_now = tells && told.length <= PAYLOAD_BYTES_MAX ? told : ''
    const [row] = (await this.#connection.run(ASK, [id, fence, told_now])) as unknown as [AskedRow]
    const { snapshot, is_registered, replicas, changes } = row
    return { snapshot, is_registered, replicas, changes: changes.map(changeOf) }
  }

  async registered() {
    return (await this.#connection.run(REGISTERED, [])) as unknown as RegisteredReplica[]
  }

  async sweep(): Promise<void> {
    // In this order: a replica whose row is still there afterwards has its changes.
    await this.#connection.run(FORGET, [])
    await this.#connection.run(DELETE_OLD, [])
  }

  async announce(from: string, texts: readonly string[]): Promise<void> {
    await this.#connection.run(ANNOUNCE, [packed(from, texts)])
  }

  async leave(id: string): Promise<void> {
    await this.#connection.run(LEAVE, [id])
  }

  close(): Promise<void> {
    return this.#connection.close()
  }
}

/** Puts as many texts into one payload as it can hold: the sender, and a line for each text. */
function packed(from: string, texts: readonly string[]): string[] {
  const payloads: string[] = []
  let payload = from
  for (const text of texts) {
    // Counted as if each character took three bytes in UTF-8, which is the most for a character of UTF-16.
    if ((payload.length + text.length + 1) * 3 > PAYLOAD_BYTES_MAX) {
      payloads.push(payload)
      payload = from
    }
    payload += `\n${text}`
  }
  payloads.push(payload)
  return payloads
}
