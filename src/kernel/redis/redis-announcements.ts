import { randomUUID } from 'node:crypto'
import type { Redis } from 'ioredis'
import { type ScheduledJob, schedule } from '../jobs/schedule.js'
import { ANNOUNCEMENT_CHARACTERS_MAX, type Announcements } from '../replicas/announcements.js'
import { inRedisTime, openRedis, type RedisLink, type RedisLog } from './redis-link.js'

/** A subscription that Redis has forgotten, or that the network has lost, is found within this time. */
const CHECK_EVERY_MS = 2_000
/** Texts on their way. Beyond them a text is lost, and its listeners find later what it would have told. */
const IN_FLIGHT_MAX = 5_000

/**
 * Announcements over a channel of Redis. While Redis is away, they go the way of `fallback`. A subscription loses what is sent
 * while it is not connected, so each new one tells of a gap.
 */
export class RedisAnnouncements implements Announcements {
  readonly #link: RedisLink
  readonly #fallback: Announcements
  readonly #subscriber: Redis
  readonly #channel: string
  readonly #id = randomUUID()
  readonly #on_announced = new Set<(text: string) => void>()
  readonly #on_gap = new Set<() => void>()
  readonly #check: ScheduledJob
  #in_flight = 0
  #is_subscribed = false
  /** Whether the last check found a connection that was open and not ready. */
  #was_opening = false

  constructor(url: string, link: RedisLink, fallback: Announcements, log: RedisLog) {
    this.#link = link
    this.#fallback = fallback
    this.#channel = `${link.prefix}:events`
    this.#subscriber = openRedis(url, 'events')
    this.#subscriber.on('message', (_channel: string, text: string) => this.#onMessage(text))
    this.#subscriber.on('ready', () => void this.#subscribe())
    this.#subscriber.on('close', () => {
      this.#is_subscribed = false
    })
    const name = 'check the subscription of Redis'
    this.#check = schedule({ name, every_ms: CHECK_EVERY_MS, run: () => this.#checkConnection() }, log)
  }

  /** Connects. Does not wait for a Redis that is away. */
  async start(): Promise<void> {
    await inRedisTime(this.#subscriber.connect()).catch(() => undefined)
  }

  /** Whether the texts of other replicas arrive over Redis. */
  isListening(): boolean {
    return this.#is_subscribed
  }

  announce(text: string): void {
    if (text.length > ANNOUNCEMENT_CHARACTERS_MAX) return
    if (!this.#link.isUp()) {
      this.#fallback.announce(text)
      return
    }
    if (this.#in_flight >= IN_FLIGHT_MAX) return
    this.#in_flight += 1
    this.#link
      .publish(this.#channel, `${this.#id} ${text}`)
      .catch(() => this.#fallback.announce(text))
      .finally(() => {
        this.#in_flight -= 1
      })
  }

  onAnnounced(listener: (text: string) => void): () => void {
    this.#on_announced.add(listener)
    const end = this.#fallback.onAnnounced(listener)
    return () => {
      this.#on_announced.delete(listener)
      end()
    }
  }

  onGap(listener: () => void): () => void {
    this.#on_gap.add(listener)
    const end = this.#fallback.onGap(listener)
    return () => {
      this.#on_gap.delete(listener)
      end()
    }
  }

  close(): void {
    void this.#check.stop()
    this.#subscriber.disconnect()
  }

  async #subscribe(): Promise<void> {
    try {
      await inRedisTime(this.#subscriber.subscribe(this.#channel))
    } catch {
      // The check replaces the connection.
      return
    }
    this.#is_subscribed = true
    for (const listener of this.#on_gap) listener()
  }

  /** A subscriber sends nothing, so it does not notice a connection that is gone. */
  async #checkConnection(): Promise<void> {
    if (this.#subscriber.status !== 'ready') {
      // The client waits without a limit for a server that accepts the connection and does not answer.
      if (this.#was_opening) this.#subscriber.disconnect(true)
      this.#was_opening = !this.#was_opening && this.#subscriber.status === 'connect'
      return
    }
    this.#was_opening = false
    const answers = await inRedisTime(this.#subscriber.ping()).then(
      () => true,
      () => false,
    )
    if (!answers || !this.#is_subscribed) this.#subscriber.disconnect(true)
  }

  #onMessage(text: string): void {
    const end = text.indexOf(' ')
    if (end === -1 || text.slice(0, end) === this.#id) return
    for (const listener of this.#on_announced) listener(text.slice(end + 1))
  }
}
