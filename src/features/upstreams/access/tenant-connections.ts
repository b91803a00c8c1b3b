import { ConcurrencyCounter } from '../../../kernel/limits/concurrency.js'
import { Problem } from '../../../kernel/problems/problems.js'
import type { DeclaredOperation } from '../manifest/manifest.js'

const RETRY_AFTER_SECONDS = 5

/** The open connections of each tenant to each operation, over all manifests. */
export class TenantConnections {
  private readonly counts = new ConcurrencyCounter()

  /**
   * Counts a connection.
   * @returns a function to call once, when the connection has closed
   * @throws Problem `too_many_connections`
   */
  enter(tenant_id: string, { upstream, operation_id }: DeclaredOperation, max: number): () => void {
    const key = `${tenant_id} ${upstream} ${operation_id}`
    if (!this.counts.enter(key, max)) {
      throw new Problem('too_many_connections', {
        detail: `The tenant has ${max} open connections to this route, which is the maximum for this route.`,
        headers: { 'retry-after': String(RETRY_AFTER_SECONDS) },
      })
    }
    return () => this.counts.leave(key)
  }
}
