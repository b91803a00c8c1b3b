import { Redis, type RedisOptions } from 'ioredis'
import type { JobLog } from '../jobs/schedule.js'

/** A command that takes longer counts as failed. No request waits longer for Redis. */
export const REDIS_TIMEOUT_MS = 100
/** While Redis is away, a write is tried this often. */
const PROBE_EVERY_MS = 250
/** A connection that has not answered for this many tries is replaced, because the network may have lost it silently. */
const RECONNECT_AFTER_PROBES = 8
const RECONNECT_MS_MAX = 1_000
const JOB = 'redis'

/** The log of a link: it says once that Redis is away, and once that it is back. */
export interface RedisLog extends JobLog {
  info(fields: { readonly job: string }, text: string): void
}

/** The options of every connection. Nothing waits for a connection, and nothing is sent twice by the client itself. */
const OPTIONS: RedisOptions = {
  lazyConnect: true,
  connectTimeout: 1_000,
  enableOfflineQueue: false,
  maxRetriesPerRequest: 0,
  autoResendUnfulfilledCommands: false,
  autoResubscribe: false,
  retryStrategy: (tries) => Math.min(tries * 50, RECONNECT_MS_MAX),
}

/** Opens a connection that connects again for ever. Its errors are the errors of its commands. */
export function openRedis(url: string, name: string): Redis {
  const redis = new Redis(url, { ...OPTIONS, connectionName: `gatehouse-${name}` })
  redis.on('error', () => undefined)
  return redis
}

/** The value, or an error after a time. The client can leave a command unsettled when its connection is lost. */
export async function inRedisTime<T>(value: Promise<T>, timeout_ms = REDIS_TIMEOUT_MS): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const timeout = new Promise<never>((_resolve, reject) => {
    const end = () => reject(new Error(`Redis did not answer within ${timeout_ms} ms`))
    // A busy process may have the answer and not have read it. It reads before the immediate.
    timer = setTimeout(() => setImmediate(end), timeout_ms)
  })
  return Promise.race([value, timeout]).finally(() => clearTimeout(timer))
}

/**
 * The connection for commands. It is up while Redis accepts writes in time. The first command that fails takes it down, so
 * that one request waits for a Redis that is gone, and no other one. A write that succeeds brings it up again.
 */
export class RedisLink {
  readonly #redis: Redis
  readonly #probe_key: string
  readonly #log: RedisLog
  readonly #on_up: (() => void)[] = []
  #is_up = false
  #is_told = false
  #is_closed = false
  #probes = 0
  #timer: NodeJS.Timeout | undefined

  /** @param prefix the first part of every key */
  constructor(
    url: string,
    readonly prefix: string,
    log: RedisLog,
    private readonly timeout_ms = REDIS_TIMEOUT_MS,
  ) {
    this.#redis = openRedis(url, 'commands')
    this.#probe_key = `${prefix}:probe`
    this.#log = log
    // The client tells why it could not connect, and then that there is no connection.
    let reason: Error | undefined
    this.#redis.on('error', (error) => {
      reason = error
    })
    this.#redis.on('close', () => {
      this.#down(reason ?? new Error('the connection to Redis has ended'))
      reason = undefined
    })
  }

  /** Connects. Does not wait for a Redis that is away. */
  async start(): Promise<void> {
    await inRedisTime(this.#redis.connect()).catch(() => undefined)
    await this.#probe()
  }

  isUp(): boolean {
    return this.#is_up
  }

  /** Adds a listener that is called when the link is up again. Its commands are sent before those of later requests. */
  onUp(listener: () => void): void {
    this.#on_up.push(listener)
  }

  /** Adds a command that runs a script. @returns the command */
  script(name: string, lua: string): (key: string, values: readonly (string | number)[]) => Promise<unknown> {
    this.#redis.defineCommand(name, { numberOfKeys: 1, lua })
    const commands = this.#redis as unknown as Record<string, (...words: (string | number)[]) => Promise<unknown>>
    return (key, values) => this.#run(() => commands[name]?.(key, ...values) ?? Promise.reject(new Error(name)))
  }

  /** Sends a text to the subscribers of a channel. @throws Error if Redis is away */
  async publish(channel: string, text: string): Promise<void> {
    await this.#run(() => this.#redis.publish(channel, text))
  }

  close(): void {
    this.#is_closed = true
    this.#is_up = false
    clearTimeout(this.#timer)
    this.#redis.disconnect()
  }

  async #run<T>(command: () => Promise<T>): Promise<T> {
    if (!this.#is_up) throw new Error('Redis is away')
    try {
      return await inRedisTime(command(), this.timeout_ms)
    } catch (error) {
      this.#down(error)
      throw error
    }
  }

  #down(error: unknown): void {
    if (this.#is_closed) return
    if (!this.#is_told) {
      this.#is_told = true
      this.#log.warn({ job: JOB, err: error }, 'Redis is away, so each replica counts its part of every budget')
    }
    this.#is_up = false
    this.#timer ??= setTimeout(() => void this.#probe(), PROBE_EVERY_MS)
  }

  /** Tries a write, because a Redis that only reads, or has no memory left, answers a ping. */
  async #probe(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    try {
      await inRedisTime(this.#redis.set(this.#probe_key, '1', 'PX', 60_000), this.timeout_ms)
    } catch (error) {
      this.#probes += 1
      if (this.#probes % RECONNECT_AFTER_PROBES === 0) this.#redis.disconnect(true)
      this.#down(error)
      return
    }
    if (this.#is_closed) return
    this.#probes = 0
    this.#is_up = true
    for (const listener of this.#on_up) listener()
    if (this.#is_told) this.#log.info({ job: JOB }, 'Redis is back, so all replicas count every budget together')
    this.#is_told = false
  }
}
