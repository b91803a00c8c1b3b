import { and, desc, eq } from 'drizzle-orm'
import type { ToldProblem } from '../../kernel/request/findings.js'
import type { AuditEvent } from '../../kernel/store/audit-record.js'
import type { ReadScope, WriteScope } from '../../kernel/store/unit-of-work.js'
import type { SampledRefusal } from './refusals.js'
import { audit_events } from './table.js'

/** The longest detail that the audit keeps. Names of roles can make it longer. */
const DETAIL_CHARACTERS_MAX = 1_000
/** The most scopes, roles or budgets of a refusal that the audit keeps. */
const NAMES_MAX = 50
/** The members of a problem that the audit keeps. */
const KEPT_MEMBERS = ['required', 'missing', 'denied_by_override', 'granted_by_roles', 'violated_policies']
/** Clients can send one request id many times. The newest refusals are read. */
const SAME_ID_MAX = 20

/** A refusal, as the changes of its audit event hold it. An event of an earlier release has no detail and no members. */
export interface RefusalChanges {
  readonly code: string
  readonly route: string
  readonly first_at: string
  readonly count: number
  readonly detail?: string
  readonly key_id?: string
  readonly user_id?: string
  readonly required?: readonly string[]
  readonly missing?: readonly string[]
  readonly denied_by_override?: readonly string[]
  readonly granted_by_roles?: readonly string[]
  readonly violated_policies?: readonly string[]
}

/** A refusal with the part of its audit event that says who was refused. */
export interface RefusalRecord extends Pick<AuditEvent, 'actor_kind' | 'actor_id' | 'address'> {
  /** The audit event. Null if it is not written yet. */
  readonly event_id: string | null
  readonly changes: RefusalChanges
}

/** Returns what the audit keeps of a refusal. */
export function changesOf({ code, route, first_at, count, told, key_id, user_id }: SampledRefusal): RefusalChanges {
  return { code, route, first_at, count, ...(told && wordsOf(told)), key_id, user_id } as RefusalChanges
}

function wordsOf({ detail, members }: ToldProblem): object {
  const kept = KEPT_MEMBERS.filter((name) => Array.isArray(members[name]))
  const lists = kept.map((name) => [name, (members[name] as unknown[]).slice(0, NAMES_MAX)])
  return { detail: detail.slice(0, DETAIL_CHARACTERS_MAX), ...Object.fromEntries(lists) }
}

/** Returns a refusal that is not written yet as its event will show it. */
export function pendingRecord(refusal: SampledRefusal): RefusalRecord {
  const { actor, address } = refusal.origin
  return { event_id: null, actor_kind: actor.kind, actor_id: actor.id, address, changes: changesOf(refusal) }
}

/** Reads the refusals of one tenant. */
export class RefusalsReader {
  constructor(
    private readonly scope: ReadScope,
    private readonly tenant_id: string,
  ) {}

  /** Reads the newest refusals of requests with this id, newest first. */
  async of(request_id: string): Promise<RefusalRecord[]> {
    const { id, actor_kind, actor_id, address, changes } = audit_events
    const rows = await this.scope.queries
      .select({ event_id: id, actor_kind, actor_id, address, changes })
      .from(audit_events)
      .where(
        and(
          eq(audit_events.tenant_id, this.tenant_id),
          eq(audit_events.request_id, request_id),
          eq(audit_events.target_kind, 'request'),
        ),
      )
      .orderBy(desc(audit_events.chain_seq))
      .limit(SAME_ID_MAX)
    return rows as unknown as RefusalRecord[]
  }
}

/** Writes refusals as audit events. It changes no other row. */
export class RefusalsWriter {
  constructor(private readonly scope: WriteScope) {}

  async add(refusal: SampledRefusal): Promise<void> {
    const changes = { ...changesOf(refusal) }
    this.scope.recordChange({ kind: 'request', tenant_id: refusal.tenant_id, changes })
  }
}
