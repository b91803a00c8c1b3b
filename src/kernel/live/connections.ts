import { CLOSE_CODES } from '../../contract/close-codes.js'
import type { Credential } from '../authz/caller.js'
import type { ConnectionLimits } from '../limits/budgets.js'
import { ConcurrencyCounter } from '../limits/concurrency.js'
import { Problem, unavailable } from '../problems/problems.js'
import { retryAfterRestart } from '../sockets/close.js'
import { type Connection, callerKeyOf } from './connection.js'

/** The open connections, and how many each user and each tenant has. */
export class Connections {
  readonly #open = new Set<Connection>()
  readonly #counts = new ConcurrencyCounter()
  #is_closing = false

  constructor(private readonly limits: ConnectionLimits) {}

  get open(): ReadonlySet<Connection> {
    return this.#open
  }

  /** @throws Problem `too_many_connections`, or `service_unavailable` while the gateway stops */
  checkRoom(credential: Credential): void {
    if (this.#is_closing) throw unavailable('the gateway goes down', retryAfterRestart())
    const { user, tenant } = this.limits
    if (this.#counts.count(callerKeyOf(credential)) >= user) throw full('user', user)
    if (this.#counts.count(credential.tenant_id) >= tenant) throw full('tenant', tenant)
  }

  /** @throws Problem as `checkRoom` */
  add(connection: Connection): void {
    this.checkRoom(connection.credential)
    this.#open.add(connection)
    this.#counts.enter(connection.caller_key, this.limits.user)
    this.#counts.enter(connection.tenant_id, this.limits.tenant)
  }

  remove(connection: Connection): void {
    if (!this.#open.delete(connection)) return
    this.#counts.leave(connection.caller_key)
    this.#counts.leave(connection.tenant_id)
  }

  /** Ends all connections, and refuses new ones. */
  close(): void {
    this.#is_closing = true
    for (const connection of [...this.#open]) {
      connection.end({
        problem: unavailable('the gateway goes down', retryAfterRestart()),
        code: CLOSE_CODES.service_restart,
      })
    }
  }
}

function full(whose: 'user' | 'tenant', count: number): Problem {
  return new Problem('too_many_connections', {
    detail: `This ${whose} has ${count} connections open, which is as many as one may have. Close one first.`,
    headers: { 'retry-after': '5' },
  })
}
