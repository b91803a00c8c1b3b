import type { WriteScope } from '../../kernel/store/unit-of-work.js'
import type { SampledRefusal } from './refusals.js'

/** Refusals as audit events: nothing is changed but the audit itself. */
export class RefusalsWriter {
  constructor(private readonly scope: WriteScope) {}

  async add({ tenant_id, code, route, first_at, count }: SampledRefusal): Promise<void> {
    this.scope.changed({ kind: 'request', tenant_id, changes: { code, route, first_at, count } })
  }
}
