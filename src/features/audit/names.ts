import { ACTOR_KINDS, type ActorKind } from '../../contract/kinds.js'
import {
  asName,
  asUuid,
  keyName,
  knownUserName,
  type NameColumn,
  nameByKind,
  userName,
} from '../../kernel/identity/names.js'
import { UUID_PATTERN } from '../../kernel/ids/uuid.js'
import type { Target } from '../../kernel/store/subject.js'
import { unreachable } from '../../kernel/unreachable.js'

/** The names that a list adds to an event. They are columns of a select, and no part of what is stored, exported or hashed. */
export interface EventNames {
  readonly actor_name: NameColumn
  readonly target_name: NameColumn
}

/** The names of persons and of keys that a reader of the platform may see. */
export interface ShownNames {
  readonly users: boolean
  readonly keys: boolean
}

type TargetKind = Target['kind']

/** What the id of a target contains: the id of a user, two ids of which one is that of a user, the id of a key, or no name. */
const NAMED_BY: Readonly<Record<TargetKind, 'user' | 'first' | 'second' | 'key' | null>> = {
  member: 'user',
  operator: 'user',
  user: 'user',
  override: 'first',
  conversation_member: 'second',
  tenant_key: 'key',
  conversation: null,
  // Readers of the audit may lack the right to see customers.
  customer: null,
  invitation: null,
  message: null,
  message_report: null,
  request: null,
  role: null,
  session: null,
  stream_ticket: null,
  tenant: null,
}

const ROW = 'audit_events'

/** The id of a user as text, in a place where an event of an earlier release can have another spelling. */
function asUser(id: string, nameOf: (id: string) => string): string {
  return `(case when ${id} ~ '^${UUID_PATTERN}$' then ${nameOf(asUuid(id))} end)`
}

function columnsOf(nameOfUser: ((id: string) => string) | null, has_keys: boolean): EventNames {
  const user = (id: string) => (nameOfUser === null ? null : asUser(id, nameOfUser))
  const key = (id: string) => (has_keys ? keyName(`${ROW}.tenant_id`, id) : null)
  const ofTarget = (kind: TargetKind): string | null => {
    const named_by = NAMED_BY[kind]
    switch (named_by) {
      case null:
        return null
      case 'user':
        return user(`${ROW}.target_id`)
      case 'first':
        return user(`split_part(${ROW}.target_id, '/', 1)`)
      case 'second':
        return user(`split_part(${ROW}.target_id, '/', 2)`)
      case 'key':
        return key(`${ROW}.target_id`)
      default:
        return unreachable(named_by)
    }
  }
  const actors: Readonly<Record<ActorKind, string | null>> = {
    user: user(`${ROW}.actor_id`),
    key: key(`${ROW}.actor_id`),
    operator: null,
    anonymous: null,
    system: null,
  }
  const kinds = Object.keys(NAMED_BY) as TargetKind[]
  const targets = Object.fromEntries(kinds.map((kind) => [kind, ofTarget(kind)])) as Record<TargetKind, string | null>
  return {
    actor_name: nameByKind(`${ROW}.actor_kind`, actors),
    target_name: nameByKind(`${ROW}.target_kind`, targets),
  }
}

export const NO_NAMES: EventNames = { actor_name: asName('null'), target_name: asName('null') }

/** The names that a tenant sees: of its members, of those who have left, and of its keys. Operators have no name of a person. */
export const NAMES_OF_TENANT = columnsOf((id) => knownUserName(`${ROW}.tenant_id`, id), true)

/** The names that an operator sees. */
export function namesOfPlatform({ users, keys }: ShownNames): EventNames {
  const names = columnsOf(users ? userName : null, keys)
  if (!users) return names
  const of_user = asUser(`${ROW}.actor_id`, userName)
  const actor_name = nameByKind<'user' | 'key' | 'operator'>(`${ROW}.actor_kind`, {
    user: of_user,
    operator: of_user,
    key: keys ? keyName(`${ROW}.tenant_id`, `${ROW}.actor_id`) : null,
  })
  return { ...names, actor_name }
}

const NAME_OF_KIND: Readonly<Record<ActorKind, string | null>> = {
  user: null,
  key: null,
  operator: 'Platform operator',
  anonymous: null,
  system: 'Gatehouse',
}

/** The name of an actor: of the person or the key, or a name that says what kind of actor it is. */
export function actorNameOf(kind: string, name: string | null): string | null {
  const known = ACTOR_KINDS.find((each) => each === kind)
  return name ?? (known === undefined ? null : NAME_OF_KIND[known])
}
