import type { ConversationEvent, LogGrownEvent } from '../store/events.js'
import type { ConversationLog, LogEnd } from './conversation-log.js'
import { Follower } from './follower.js'

/** One follower for each conversation that a connection of this process follows. */
export class Followers {
  readonly #followers = new Map<string, { readonly follower: Follower; users: number }>()

  constructor(private readonly log: ConversationLog) {}

  /** Returns the follower of a conversation. Each `take` has one `giveBack`. */
  take(tenant_id: string, conversation_id: string): Follower {
    const name = `${tenant_id}/${conversation_id}`
    const known = this.#followers.get(name) ?? {
      follower: new Follower(this.log, tenant_id, conversation_id),
      users: 0,
    }
    known.users += 1
    this.#followers.set(name, known)
    return known.follower
  }

  giveBack({ tenant_id, conversation_id }: Follower): void {
    const name = `${tenant_id}/${conversation_id}`
    const known = this.#followers.get(name)
    if (known === undefined) return
    known.users -= 1
    if (known.users === 0) this.#followers.delete(name)
  }

  /** Passes an event of the bus to the follower of its conversation. */
  onEvent(event: ConversationEvent): void {
    this.#followers.get(`${event.tenant_id}/${event.conversation_id}`)?.follower.onEvent(event)
  }

  /** Makes a follower read a change that another replica wrote. */
  onGrown({ tenant_id, conversation_id, change }: LogGrownEvent): void {
    this.#followers.get(`${tenant_id}/${conversation_id}`)?.follower.onGrown(change)
  }

  /** Makes a follower read the log if it is behind an end of the log that was read from the database. */
  expect(tenant_id: string, conversation_id: string, end: LogEnd): void {
    const follower = this.#followers.get(`${tenant_id}/${conversation_id}`)?.follower
    follower?.reach(end).catch(() => undefined)
  }
}
