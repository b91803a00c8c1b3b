import type { WriteScope } from '../../kernel/store/unit-of-work.js'
import type { SampledRefusal } from './refusals.js'

/** Writes refusals as audit events. It changes no other row. */
export class RefusalsWriter {
  constructor(private readonly scope: WriteScope) {}

  async add({ tenant_id, code, route, first_at, count }: SampledRefusal): Promise<void> {
    this.scope.recordChange({ kind: 'request', tenant_id, changes: { code, route, first_at, count } })
  }
}
