import type { FastifyInstance } from 'fastify'
import { Counter, Gauge, type Registry } from 'prom-client'
import type { MailConfig } from '../kernel/config/config.js'
import type { SigningKeys } from '../kernel/config/secrets.js'
import { openSeal } from '../kernel/credentials/seal.js'
import type { Budget } from '../kernel/limits/budgets.js'
import { MAIL_KINDS, type MailKind } from '../kernel/mail/mails-table.js'
import type { Outbox } from '../kernel/mail/outbox.js'
import { MailSender, type SenderParts } from '../kernel/mail/sender.js'
import { openTransport } from '../kernel/mail/transport.js'
import { systemOrigin } from '../kernel/store/audit-record.js'
import type { Bus } from '../kernel/store/bus.js'
import type { Clock } from '../kernel/time/clock.js'
import type { Stores } from './composition/stores.js'

const MAIL = systemOrigin('mail')

interface MailingParts {
  readonly stores: Stores
  readonly bus: Bus
  readonly clock: Clock
  readonly signing_keys: SigningKeys
  readonly mail: MailConfig
  readonly is_production: boolean
  readonly budget: Budget
  readonly registry: Registry
}

/** The mails of this process. */
export interface Mailing {
  readonly outbox: Outbox
  /** Stops the sender, within 3 s. Mails that are not sent stay in the queue. */
  stop(): Promise<void>
}

/** Opens the outbox for writers, and starts the sender. */
export function startMailing(app: FastifyInstance, parts: MailingParts): Mailing {
  const { stores, bus, clock, budget, mail } = parts
  if (mail.kind === 'folder' && parts.is_production)
    app.log.warn(
      { folder: mail.folder },
      'SMTP_URL is not set: mails are written to files, and their recipients get none',
    )
  const seal = openSeal(parts.signing_keys, 'gatehouse mails')
  const store = stores.platform(() => MAIL)
  const onOutcome = openMetrics(parts.registry, () => store.read((readers) => readers.waiting_mails.count()))
  const sender = new MailSender({
    queue: {
      hasDue: () => store.read((readers) => readers.waiting_mails.hasDue()),
      claim: (request) => store.writeUnaudited((writers) => writers.mail_queue.claim(request)),
      settle: (mail, outcome) => store.writeUnaudited((writers) => writers.mail_queue.settle(mail, outcome)),
    },
    transport: openTransport(parts.mail),
    seal,
    budget,
    clock,
    log: app.log,
    onOutcome,
  })
  const unsubscribe = bus.subscribe(({ kind }) => {
    if (kind === 'mail_queued') sender.wake()
  })
  return {
    outbox: {
      budget,
      seal: (mail) => ({ content: seal.seal(JSON.stringify(mail)), sealed_by: seal.key_ids[0] }),
    },
    async stop() {
      unsubscribe()
      await sender.stop()
    },
  }
}

function openMetrics(
  registry: Registry,
  countWaiting: () => Promise<Readonly<Record<MailKind, number>>>,
): SenderParts['onOutcome'] {
  const registers = [registry]
  const tries = new Counter({
    name: 'gatehouse_mail_tries_total',
    help: 'Tries to send a mail, by kind and outcome: sent, retry or failed.',
    labelNames: ['kind', 'outcome'],
    registers,
  })
  new Gauge({
    name: 'gatehouse_mails_queued',
    help: 'Mails that wait in the database, by kind; every replica reports the same number.',
    aggregator: 'max',
    labelNames: ['kind'],
    registers,
    async collect() {
      // Without the database, the gauge keeps its last values, and the other metrics stay available.
      const counts = await countWaiting().catch(() => undefined)
      if (counts !== undefined) for (const kind of MAIL_KINDS) this.set({ kind }, counts[kind])
    },
  })
  return (kind, outcome) => tries.inc({ kind, outcome })
}
