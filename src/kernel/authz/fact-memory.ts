import type { FactChange } from '../replicas/fact-change.js'
import { unreachable } from '../unreachable.js'
import type { Claims, Facts } from './facts.js'

/** The bounds of the memory of facts. */
export interface MemoryBounds {
  readonly entries_max: number
  /** The most entries of one tenant, or of one user who names no tenant. */
  readonly share_max: number
  /** The most roles, overrides, scopes and other parts that all entries hold together. */
  readonly parts_max: number
}

/**
 * About 100 MB at most. An entry without roles takes about 1.5 KB, and each further part about 100 bytes. One tenant can
 * fill a quarter, so it takes at most a quarter of the memory from the others.
 */
export const MEMORY_BOUNDS: MemoryBounds = { entries_max: 20_000, share_max: 5_000, parts_max: 600_000 }

interface Entry {
  readonly name: string
  readonly claims: Claims
  readonly facts: Facts
  readonly parts: number
  /** Whether it was asked for since the last search for an entry to remove. */
  is_used: boolean
}

/**
 * Facts of callers, in the memory of this process. The facts of one caller are one entry, because they were read in one
 * snapshot: put together from several moments they could give scopes that nobody ever had.
 *
 * It says nothing about whether an entry is still true. Only a replica with a lease may use it.
 */
export class FactMemory {
  readonly #bounds: MemoryBounds
  /** In the order in which they were put or last passed over. */
  readonly #entries = new Map<string, Entry>()
  readonly #of_owner = new Map<string, Set<Entry>>()
  readonly #of_user = new Map<string, Set<Entry>>()
  #parts = 0

  constructor(bounds: MemoryBounds = MEMORY_BOUNDS) {
    this.#bounds = bounds
  }

  get size(): number {
    return this.#entries.size
  }

  get(claims: Claims): Facts | undefined {
    const entry = this.#entries.get(nameOf(claims))
    if (entry === undefined) return undefined
    entry.is_used = true
    return entry.facts
  }

  put(claims: Claims, facts: Facts): void {
    const { tenant_id, key_id, session_id, user_id } = claims
    const name = nameOf(claims)
    const parts = partsOf(facts)
    this.#remove(this.#entries.get(name))
    const { entries_max, share_max, parts_max } = this.#bounds
    const own = this.#of_owner.get(ownerOf(claims))
    if (own !== undefined && own.size >= share_max) this.#removeOneOf(own)
    while (this.#entries.size > 0 && (this.#entries.size >= entries_max || this.#parts + parts > parts_max)) {
      this.#removeOneOf(this.#entries.values())
    }
    const entry: Entry = {
      name,
      claims: { tenant_id, key_id, session_id, user_id },
      facts,
      parts,
      is_used: false,
    }
    this.#entries.set(name, entry)
    this.#parts += parts
    add(this.#of_owner, ownerOf(claims), entry)
    if (user_id !== null) add(this.#of_user, user_id, entry)
  }

  /** Removes every entry that a change concerns. */
  drop(change: FactChange): void {
    if (change.about === 'all') this.clear()
    else for (const entry of this.#foundBy(change)) if (concerns(change, entry.claims)) this.#remove(entry)
  }

  clear(): void {
    this.#entries.clear()
    this.#of_owner.clear()
    this.#of_user.clear()
    this.#parts = 0
  }

  #foundBy(change: Exclude<FactChange, { about: 'all' }>): Iterable<Entry> {
    const found =
      'tenant_id' in change ? this.#of_owner.get(tenantOwner(change.tenant_id)) : this.#of_user.get(change.user_id)
    return found ?? []
  }

  /** Removes the oldest entry that was not asked for since it was last passed over (second chance). */
  #removeOneOf(entries: Iterable<Entry>): void {
    for (const entry of entries) {
      if (!entry.is_used) {
        this.#remove(entry)
        return
      }
      entry.is_used = false
      this.#toEnd(entry)
    }
  }

  #toEnd(entry: Entry): void {
    this.#entries.delete(entry.name)
    this.#entries.set(entry.name, entry)
    const own = this.#of_owner.get(ownerOf(entry.claims))
    own?.delete(entry)
    own?.add(entry)
  }

  #remove(entry: Entry | undefined): void {
    if (entry === undefined || !this.#entries.delete(entry.name)) return
    this.#parts -= entry.parts
    take(this.#of_owner, ownerOf(entry.claims), entry)
    if (entry.claims.user_id !== null) take(this.#of_user, entry.claims.user_id, entry)
  }
}

/** Whether a change can concern the facts of these claims. */
export function concerns(change: FactChange, claims: Claims): boolean {
  switch (change.about) {
    case 'all':
      return true
    case 'tenant':
      return isOf(change.tenant_id, claims)
    case 'key':
      return isOf(change.tenant_id, claims) && claims.key_id === change.key_id
    case 'user':
      return claims.user_id === change.user_id
    case 'session':
      return claims.session_id === change.session_id && claims.user_id === change.user_id
    case 'member':
      return isOf(change.tenant_id, claims) && claims.user_id === change.user_id
    default:
      return unreachable(change)
  }
}

/** Whether everything that is claimed was found. What is not there can come at any moment, and no change tells of it. */
export function isWhole({ tenant_id, key_id, session_id, user_id }: Claims, facts: Facts): boolean {
  return (
    (tenant_id === null || facts.tenant !== null) &&
    (tenant_id === null || key_id === null || facts.key !== null) &&
    (session_id === null || facts.session !== null) &&
    (user_id === null || facts.user !== null) &&
    (tenant_id === null || user_id === null || facts.membership !== null)
  )
}

function isOf(tenant_id: string, claims: Claims): boolean {
  return claims.tenant_id !== null && claims.tenant_id.toLowerCase() === tenant_id
}

const nameOf = ({ tenant_id, key_id, session_id, user_id }: Claims) => `${tenant_id} ${key_id} ${session_id} ${user_id}`

/** Whose share an entry uses: that of its tenant, else that of its user. */
function ownerOf({ tenant_id, user_id }: Claims): string {
  return tenant_id === null ? `user ${user_id}` : tenantOwner(tenant_id.toLowerCase())
}

const tenantOwner = (tenant_id: string) => `tenant ${tenant_id}`

/** The number of parts of facts whose number the database bounds less tightly than their size. */
function partsOf({ tenant, key, user, membership }: Facts): number {
  const held = membership?.roles.reduce((sum, { scopes }) => sum + 1 + (scopes?.length ?? 0), 0) ?? 0
  const lists = [tenant?.allowed_origins, key?.scopes, key?.allowed_cidrs, user?.privileges, membership?.overrides]
  return 1 + held + lists.reduce((sum, list) => sum + (list?.length ?? 0), 0)
}

function add<T>(map: Map<string, Set<T>>, name: string, item: T): void {
  const set = map.get(name)
  if (set === undefined) map.set(name, new Set([item]))
  else set.add(item)
}

function take<T>(map: Map<string, Set<T>>, name: string, item: T): void {
  const set = map.get(name)
  set?.delete(item)
  if (set?.size === 0) map.delete(name)
}
