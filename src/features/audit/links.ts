import type { AuditLinkRow } from './table.js'

/** What an export contains for an erased event: its place in the chain, and nothing of what it said. */
export interface AuditLink {
  readonly tenant_id: string
  readonly chain_seq: number
  readonly erased: true
  /** Hex. The digest of the erased event. */
  readonly digest: string
  /** Hex. */
  readonly hash: string
}

interface Placed {
  readonly chain_seq: number
}

export function toLink({ tenant_id, chain_seq, digest, hash }: AuditLinkRow): AuditLink {
  return { tenant_id, chain_seq, erased: true, digest: digest.toString('hex'), hash: hash.toString('hex') }
}

/**
 * Merges events and links, newest first. An event that was erased after the events were read is in both lists; the result
 * has the event.
 */
export function inChainOrder<Event extends Placed>(
  events: readonly Event[],
  links: readonly AuditLink[],
): (Event | AuditLink)[] {
  const read = new Set(events.map(({ chain_seq }) => chain_seq))
  const others = links.filter(({ chain_seq }) => !read.has(chain_seq))
  return [...events, ...others].sort((one, other) => other.chain_seq - one.chain_seq)
}
