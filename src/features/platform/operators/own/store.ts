import { and, eq } from 'drizzle-orm'
import { lockSelf } from '../../../../kernel/authz/actor.js'
import { queueOperatorChanges } from '../../../../kernel/identity/last-operator.js'
import { operators } from '../../../../kernel/identity/operators-table.js'
import { Problem } from '../../../../kernel/problems/problems.js'
import type { ReadScope, WriteScope } from '../../../../kernel/store/unit-of-work.js'
import { isBacked, isOffer } from '../offers.js'

/** The offer to become an operator, as its user sees it. */
export interface OfferedAppointment {
  readonly privileges: string[]
  readonly created_at: string
}

/** The offer to the signed-in user. */
export class OwnAppointmentReader {
  constructor(protected readonly scope: ReadScope) {}

  /** Returns the offer to a user. Undefined if nobody offers anything to them. */
  async pendingOf(user_id: string): Promise<OfferedAppointment | undefined> {
    const offer = await this.find(user_id)
    return offer && { privileges: offer.privileges, created_at: offer.created_at }
  }

  /** Returns what a user may do on the platform. Empty if they are no operator. */
  async privilegesOf(user_id: string): Promise<readonly string[]> {
    const [row] = await this.scope.queries
      .select({ privileges: operators.privileges })
      .from(operators)
      .where(eq(operators.user_id, user_id))
    return row?.privileges ?? []
  }

  protected async find(user_id: string): Promise<(OfferedAppointment & { is_backed: boolean }) | undefined> {
    const [row] = await this.scope.queries
      .select({ privileges: operators.offered_privileges, created_at: operators.created_at, is_backed: isBacked })
      .from(operators)
      .where(isOfferTo(user_id))
    return row && { ...row, privileges: row.privileges ?? [] }
  }
}

/** The consent of a user to become an operator. No operator can give it. */
export class OwnAppointmentWriter extends OwnAppointmentReader {
  constructor(protected override readonly scope: WriteScope) {
    super(scope)
  }

  /**
   * Makes the user an operator. The operator who offered it grants its privileges at this moment, so they must be able to
   * grant them now.
   *
   * @throws Problem `not_found`, `invitation_closed`
   */
  async accept(user_id: string): Promise<{ privileges: string[] }> {
    const { privileges, is_backed } = await this.lockOffer(user_id)
    if (!is_backed) {
      throw new Problem('invitation_closed', {
        detail: 'The operator who made the offer can no longer grant its privileges.',
      })
    }
    await this.scope.queries
      .update(operators)
      .set({ privileges, offered_privileges: null, accepted_at: this.scope.now })
      .where(isOfferTo(user_id))
    this.recordChange(user_id, { before: { state: 'pending' }, after: { state: 'active', privileges } })
    return { privileges }
  }

  /** Deletes the offer. @throws Problem `not_found` */
  async decline(user_id: string): Promise<void> {
    const { privileges } = await this.lockOffer(user_id)
    await this.scope.queries.delete(operators).where(isOfferTo(user_id))
    this.recordChange(user_id, { before: { state: 'pending', privileges } })
  }

  /** Locks the acting user in the queue of changes of operators, and reads the offer. @throws Problem `not_found` */
  private async lockOffer(user_id: string) {
    // The queue is one for the platform. A user without an offer does not make operators wait in it.
    await this.getOffer(user_id)
    await queueOperatorChanges(this.scope)
    await lockSelf(this.scope, user_id)
    return this.getOffer(user_id)
  }

  private async getOffer(user_id: string) {
    const offer = await this.find(user_id)
    if (offer === undefined) throw new Problem('not_found', { detail: 'You have no offer to become an operator.' })
    return offer
  }

  private recordChange(user_id: string, changes: Record<string, unknown>): void {
    this.scope.recordChange({ kind: 'operator', user_id, tenant_id: null, changes })
  }
}

function isOfferTo(user_id: string) {
  return and(eq(operators.user_id, user_id), isOffer)
}
