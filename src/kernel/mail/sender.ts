import { setTimeout as sleep } from 'node:timers/promises'
import { InFlight } from '../jobs/in-flight.js'
import { schedule } from '../jobs/schedule.js'
import type { Budget } from '../limits/budgets.js'
import type { Clock } from '../time/clock.js'
import type { Mail } from './mail.js'
import type { Claim, ClaimedMail, ClaimRequest, Outcome } from './mail-queue.js'
import { MAIL_KINDS, type MailKind } from './mails-table.js'
import { failureFields, refusalOf, type Transport } from './transport.js'

/**
 * How many mails of a kind, or of less urgent kinds, are sent at the same time. The rest of the connections is kept for the
 * more urgent kinds, so that a slow mail server cannot make a reset wait for invitations.
 */
const RUNNING_MAX: Readonly<Record<MailKind, number>> = { password_reset: 5, email_verification: 4, invitation: 3 }
/** The mails that are being sent, and the taking of the next one. */
const TASKS_MAX = RUNNING_MAX.password_reset + 1
/** A mail that another replica left behind, or that is due again, waits at most as long. A new mail does not wait. */
const ROUND_EVERY_MS = 5_000
/** The pause after the first failed try. Each further pause is three times as long. */
const PAUSE_MS = 15_000
const PAUSE_MS_MAX = 3_600_000
/** How long a stop waits for the mails that are being sent, and then for their rows. */
const SETTLE_MS_MAX = 2_500
const RELEASE_MS_MAX = 500
/** How often the result of a try is written, if the database fails. Without the result the mail would be sent again. */
const WRITES_MAX = 5
const WRITE_PAUSE_MS = 1_000
/** The tenants that the sender remembers, to let them take turns. */
const SERVED_MAX = 200

/** The queue, in one transaction for each call. */
export interface QueueAccess {
  /** Whether a mail is due. It is one read, because an idle gateway asks it in each round. */
  hasDue(): Promise<boolean>
  claim(request: ClaimRequest): Promise<Claim>
  settle(mail: ClaimedMail, outcome: Outcome): Promise<void>
}

interface Log {
  debug(fields: object, text: string): void
  info(fields: object, text: string): void
  warn(fields: object, text: string): void
  error(fields: object, text: string): void
}

export interface SenderParts {
  readonly queue: QueueAccess
  readonly transport: Transport
  readonly seal: { readonly key_ids: readonly string[]; open(sealed: Uint8Array): string | undefined }
  readonly budget: Budget
  readonly clock: Clock
  readonly log: Log
  /** Receives what became of each try, for the metrics. */
  readonly onOutcome: (kind: MailKind, outcome: Outcome['kind']) => void
}

/** Sends the mails of the queue. Every replica has a sender, and each mail is taken by one of them. */
export class MailSender {
  readonly #parts: SenderParts
  readonly #in_flight = new InFlight(TASKS_MAX)
  readonly #running: Record<MailKind, number> = { password_reset: 0, email_verification: 0, invitation: 0 }
  readonly #rounds: { stop(): Promise<void> }
  readonly #stop = new AbortController()
  #served: string[] = []
  #is_taking = false
  #is_woken = false
  #is_stopped = false

  constructor(parts: SenderParts) {
    this.#parts = parts
    const round = async () => {
      if (await parts.queue.hasDue()) this.wake()
    }
    this.#rounds = schedule({ name: 'send mails', every_ms: ROUND_EVERY_MS, run: round }, parts.log)
  }

  /** Takes mails from the queue, as many as can be sent now. Returns at once and does not throw. */
  wake(): void {
    if (this.#is_taking) this.#is_woken = true
    if (this.#is_taking || this.#is_stopped) return
    this.#is_taking = true
    const taking = this.#take()
      .catch((error: unknown) =>
        this.#parts.log.warn({ err: error }, 'mail queue not read; retrying in the next round'),
      )
      .finally(() => {
        this.#is_taking = false
        if (!this.#is_woken) return
        this.#is_woken = false
        this.wake()
      })
    // A stop waits for it too, within the same bound.
    this.#in_flight.add(taking)
  }

  /** Takes no more mails, and waits for those that are being sent, within a bound. The others are sent after the next start. */
  async stop(): Promise<void> {
    this.#is_stopped = true
    await this.#rounds.stop()
    const left = await this.#in_flight.settled(SETTLE_MS_MAX)
    if (left === 0) return
    this.#parts.log.warn(
      { tasks: left },
      'mails still being sent at shutdown; they are sent again after the next start',
    )
    this.#stop.abort()
    await this.#in_flight.settled(RELEASE_MS_MAX)
  }

  async #take(): Promise<void> {
    const { queue, seal, budget } = this.#parts
    for (let kinds = this.#freeKinds(); kinds.length > 0 && !this.#is_stopped; kinds = this.#freeKinds()) {
      const claim = await queue.claim({ kinds, key_ids: seal.key_ids, served: this.#served, budget })
      if (claim.kind === 'none') return
      if (claim.kind === 'claimed') this.#start(claim.mail)
    }
  }

  /** The kinds that may use another connection. */
  #freeKinds(): MailKind[] {
    return MAIL_KINDS.filter((kind, urgency) => {
      const running = MAIL_KINDS.slice(urgency).reduce((sum, each) => sum + this.#running[each], 0)
      return running < RUNNING_MAX[kind]
    })
  }

  #start(mail: ClaimedMail): void {
    const { kind, tenant_id } = mail
    if (tenant_id !== null) {
      this.#served = [...this.#served.filter((each) => each !== tenant_id), tenant_id].slice(-SERVED_MAX)
    }
    this.#running[kind] += 1
    this.#in_flight.add(
      this.#try(mail)
        .then((outcome) => this.#settle(mail, outcome))
        .finally(() => {
          this.#running[kind] -= 1
          this.wake()
        }),
    )
  }

  async #try(mail: ClaimedMail): Promise<Outcome> {
    const { seal, transport, log } = this.#parts
    const fields = { mail: mail.id, kind: mail.kind, tries: mail.tries }
    if (mail.fate === 'link_ended') {
      log.debug(fields, 'mail dropped: its link has ended')
      return { kind: 'failed', reason: mail.fate }
    }
    if (mail.fate === 'timed_out') {
      log.error(fields, 'mail not sent in time; giving up')
      return { kind: 'failed', reason: mail.fate }
    }
    try {
      const { text, file } = await transport.deliver(readMail(seal.open(mail.content)), mail, this.#stop.signal)
      log.info({ ...fields, file }, text)
      return { kind: 'sent' }
    } catch (error) {
      const reason = refusalOf(error)
      if (reason !== undefined) {
        log.error({ ...fields, ...failureFields(error), reason }, 'mail not sent: the mail server refused it')
        return { kind: 'failed', reason }
      }
      const due_at_ms = this.#parts.clock() + (this.#stop.signal.aborted ? 0 : pauseAfter(mail.tries))
      log.warn({ ...fields, ...failureFields(error) }, 'mail not sent; retrying')
      return { kind: 'retry', due_at_ms }
    }
  }

  async #settle(mail: ClaimedMail, outcome: Outcome): Promise<void> {
    const { queue, log, onOutcome } = this.#parts
    onOutcome(mail.kind, outcome.kind)
    for (let writes = 1; ; writes += 1) {
      try {
        return await queue.settle(mail, outcome)
      } catch (error) {
        const is_last = writes === WRITES_MAX || this.#is_stopped
        log.warn(
          { err: error, mail: mail.id, is_last },
          'result of a mail not written; without it the mail is sent again',
        )
        if (is_last) return
        await sleep(WRITE_PAUSE_MS)
      }
    }
  }
}

function readMail(text: string | undefined): Mail {
  if (text === undefined) throw new Error('a mail cannot be decrypted')
  return JSON.parse(text) as Mail
}

/** The pause after a failed try. The mails of one failure do not all come back at the same moment. */
function pauseAfter(tries: number): number {
  return Math.min(PAUSE_MS * 3 ** (tries - 1), PAUSE_MS_MAX) * (1 - Math.random() / 10)
}
