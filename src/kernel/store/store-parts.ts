import type { ReadScope, WriteScope } from './unit-of-work.js'

/** A class that reads or writes one subject. Each use in a transaction makes an instance. */
type Part<Scope, TenantId> = new (scope: Scope, tenant_id: TenantId) => object
type Parts<Scope, TenantId> = Readonly<Record<string, Part<Scope, TenantId>>>

/** What one feature brings to the stores, by the names that handlers use. Every kind is required; `{}` brings none. */
export interface StoreParts {
  /** What reads the data of one tenant. */
  readonly tenant_readers: Parts<ReadScope, string>
  /** What changes the data of one tenant, in one transaction with the audit event. */
  readonly tenant_writers: Parts<WriteScope, string>
  /** What reads identities and tenants. */
  readonly platform_readers: Parts<ReadScope, undefined>
  /** What changes identities and tenants, in one transaction with the audit event. */
  readonly platform_writers: Parts<WriteScope, undefined>
  /** What writes to the platform without an audit event: counters, single-use secrets and rows that expired. */
  readonly unaudited_writers: Parts<ReadScope, undefined>
}

/** Features by name. */
export type BroughtParts = Readonly<Record<string, StoreParts>>

/** The members of a feature that brings nothing to the stores. */
export const NO_STORE_PARTS = {
  tenant_readers: {},
  tenant_writers: {},
  platform_readers: {},
  platform_writers: {},
  unaudited_writers: {},
} satisfies StoreParts

type Intersection<Union> = (Union extends unknown ? (each: Union) => void : never) extends (all: infer All) => void
  ? All
  : never

type BroughtBy<Feature, Kind extends keyof StoreParts> =
  Feature extends Readonly<Record<Kind, infer Brought>> ? Brought : never

/**
 * An object that holds, by name, an instance of every part of one kind. It accepts features of any type: a mistake in a
 * feature is then reported once, in that feature.
 */
export type Opened<Features, Kind extends keyof StoreParts> = Instances<
  Intersection<BroughtBy<Features[keyof Features], Kind>>
>

type Instances<Classes> = {
  readonly [Name in keyof Classes]: Classes[Name] extends new (...given: never) => infer Instance ? Instance : never
}

/**
 * Composes the parts of one kind. The result opens them in one transaction: each name is a getter that makes its part,
 * so a transaction pays only for the parts that it uses.
 *
 * @throws Error, so that the process does not start, if two features bring the same name.
 */
export function openerOf<Scope, TenantId, Open extends object>(
  features: BroughtParts,
  kind: keyof StoreParts,
): (scope: Scope, tenant_id: TenantId) => Open {
  class OpenedParts {
    readonly #scope: Scope
    readonly #tenant_id: TenantId

    constructor(scope: Scope, tenant_id: TenantId) {
      this.#scope = scope
      this.#tenant_id = tenant_id
    }

    static bring(name: string, Brought: Part<Scope, TenantId>): void {
      Object.defineProperty(OpenedParts.prototype, name, {
        get(this: OpenedParts) {
          return new Brought(this.#scope, this.#tenant_id)
        },
      })
    }
  }
  const brought_by = new Map<string, string>()
  for (const [feature, parts] of Object.entries(features)) {
    for (const [name, Brought] of Object.entries(parts[kind])) {
      const other = brought_by.get(name)
      if (other !== undefined) throw new Error(`the features ${other} and ${feature} both bring ${name} to ${kind}`)
      brought_by.set(name, feature)
      OpenedParts.bring(name, Brought as unknown as Part<Scope, TenantId>)
    }
  }
  return (scope, tenant_id) => new OpenedParts(scope, tenant_id) as unknown as Open
}
