import { CLOSE_CODES } from '../../contract/close-codes.js'
import type { Credential } from '../authz/caller.js'
import type { ConnectionLimits } from '../limits/budgets.js'
import { Problem, unavailable } from '../problems/problems.js'
import { retryAfterRestart } from '../sockets/close.js'
import { type Connection, countedBy } from './connection.js'

/** Every connection that is open, and how many of whom. */
export class Connections {
  readonly #open = new Set<Connection>()
  readonly #counts = new Map<string, number>()
  #is_closing = false

  constructor(private readonly limits: ConnectionLimits) {}

  get open(): ReadonlySet<Connection> {
    return this.#open
  }

  /** @throws Problem `too_many_connections`, or `service_unavailable` when the gateway goes down */
  checkRoom(credential: Credential): void {
    if (this.#is_closing) throw unavailable('the gateway goes down', retryAfterRestart())
    const { user, tenant } = this.limits
    if (this.#countOf(countedBy(credential)) >= user) throw full('user', user)
    if (this.#countOf(credential.tenant_id) >= tenant) throw full('tenant', tenant)
  }

  /** @throws Problem as `checkRoom` */
  add(connection: Connection): void {
    this.checkRoom(connection.credential)
    this.#open.add(connection)
    this.#count(connection, 1)
  }

  remove(connection: Connection): void {
    if (this.#open.delete(connection)) this.#count(connection, -1)
  }

  /** Ends all of them, and lets nobody in any more. */
  close(): void {
    this.#is_closing = true
    for (const connection of [...this.#open]) {
      connection.end({
        problem: unavailable('the gateway goes down', retryAfterRestart()),
        code: CLOSE_CODES.service_restart,
      })
    }
  }

  #countOf(name: string): number {
    return this.#counts.get(name) ?? 0
  }

  #count({ counted_by, tenant_id }: Connection, step: 1 | -1): void {
    for (const name of [counted_by, tenant_id]) {
      const count = this.#countOf(name) + step
      if (count === 0) this.#counts.delete(name)
      else this.#counts.set(name, count)
    }
  }
}

function full(whose: 'user' | 'tenant', count: number): Problem {
  return new Problem('too_many_connections', {
    detail: `This ${whose} has ${count} connections open, which is as many as one may have. Close one first.`,
    headers: { 'retry-after': '5' },
  })
}
