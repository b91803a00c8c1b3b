import type { FastifyRequest } from 'fastify'
import { required } from '../../../kernel/request/findings.js'
import type { Step } from '../../../kernel/request/gate.js'
import { originOf } from '../../../kernel/request/origin.js'
import { claimRecord } from '../../../kernel/store/idempotency-records.js'
import type { Prelude } from '../../../kernel/store/unit-of-work.js'
import type { PlatformStore, Stores, TenantStore } from '../../composition/stores.js'

declare module '../../../kernel/request/gate.js' {
  interface Gate {
    readonly stores: Stores
  }
}

declare module '../../../kernel/request/findings.js' {
  interface Findings {
    tenant_store?: TenantStore
    platform_store?: PlatformStore
  }
}

declare module 'fastify' {
  interface FastifyRequest {
    /** The store that is bound to the tenant of the request. */
    readonly tenant_store: TenantStore
    /** The store of the platform: users and tenants, but no data of a tenant. */
    readonly platform_store: PlatformStore
  }
}

/** Gives the request the store of its tenant. No handler can bind it to another tenant. */
export const openTenantStore: Step<never> = ({ stores }, request) => {
  const { id } = required(request.findings.tenant)
  request.findings.tenant_store = stores.tenant(id, () => originOf(request), preludeOf(request))
  return undefined
}

/** Gives the request the store of the platform. */
export const openPlatformStore: Step<never> = ({ stores }, request) => {
  request.findings.platform_store = stores.platform(() => originOf(request), preludeOf(request))
  return undefined
}

/** A write claims the `Idempotency-Key` of its request in its own transaction. */
function preludeOf(request: FastifyRequest): Prelude {
  return async (scope) => {
    const { idempotency } = request.findings
    if (idempotency !== undefined) await claimRecord(scope, idempotency)
  }
}
