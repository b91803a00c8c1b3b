import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import nodemailer from 'nodemailer'
import type SMTPPool from 'nodemailer/lib/smtp-pool/index.js'
import { v7 as uuidv7 } from 'uuid'
import { InFlight } from '../jobs/in-flight.js'

/** One mail to one address, in plain text. */
export interface Mail {
  readonly to: string
  readonly subject: string
  readonly text: string
}

export interface Mailer {
  /** Queues a mail. It does not throw and does not block the request. The log records a mail that fails. */
  send(mail: Mail): void
  /** Waits until every queued mail is sent or has failed, within a bound. Then it closes the transport. */
  settled(): Promise<void>
}

/** Where mails go: to an SMTP server, or into a folder where a developer who tries the gateway can read them. */
export type MailConfig =
  | { readonly kind: 'smtp'; readonly url: string; readonly from: string }
  | { readonly kind: 'folder'; readonly folder: string; readonly from: string }

const SMTP_TIMEOUT_MS = 10_000
/** How long a stop waits for mails. A mail server that does not respond must not block the stop. */
const SETTLE_MS_MAX = 3_000
/** Mails in flight at once. Beyond it the mailer drops a mail and logs that, so that memory stays bounded. */
const MAILS_MAX = 200

interface Log {
  info(fields: object, text: string): void
  error(fields: object, text: string): void
}

/** Opens the transport for mails. */
export function openMailer(config: MailConfig, log: Log): Mailer {
  const { deliver, close } =
    config.kind === 'smtp' ? bySmtp(config.url, config.from) : intoFolder(config.folder, config.from, log)
  const in_flight = new InFlight(MAILS_MAX)
  return {
    send(mail) {
      if (in_flight.is_full) {
        log.error({ subject: mail.subject }, 'mail dropped: too many mails in flight')
        return
      }
      in_flight.add(
        deliver(mail).catch((error: Error) =>
          log.error({ subject: mail.subject, reason: error.message }, 'mail not sent'),
        ),
      )
    },
    async settled() {
      const mails = await in_flight.settled(SETTLE_MS_MAX)
      if (mails > 0) log.error({ mails }, 'mails still in flight at shutdown')
      close()
    },
  }
}

/** A transport for mails. */
interface Way {
  deliver(mail: Mail): Promise<void>
  close(): void
}

function bySmtp(url: string, from: string): Way {
  const transport = nodemailer.createTransport({
    url,
    pool: true,
    connectionTimeout: SMTP_TIMEOUT_MS,
    greetingTimeout: SMTP_TIMEOUT_MS,
    socketTimeout: SMTP_TIMEOUT_MS,
    // A mail must not make nodemailer read a file or a URL.
    disableFileAccess: true,
    disableUrlAccess: true,
  } as SMTPPool.Options)
  return {
    async deliver(mail) {
      await transport.sendMail(message(mail, from))
    },
    // Idle SMTP connections would keep the process running.
    close: () => transport.close(),
  }
}

/** The recipient is one address. As an object, it is not parsed as a list of addresses. */
function message({ to, subject, text }: Mail, from: string) {
  return { from, to: { name: '', address: to }, subject, text }
}

function intoFolder(folder: string, from: string, log: Log): Way {
  const transport = nodemailer.createTransport({ streamTransport: true, buffer: true, newline: 'unix' })
  return {
    async deliver(mail) {
      const sent = await transport.sendMail(message(mail, from))
      mkdirSync(folder, { recursive: true, mode: 0o700 })
      const file = join(folder, `${uuidv7()}.eml`)
      // The file gets its final name when it is complete, so that a reader of the folder never sees half of a mail.
      writeFileSync(`${file}.part`, sent.message as Buffer, { mode: 0o600 })
      renameSync(`${file}.part`, file)
      log.info({ file }, 'mail written to a file')
    },
    close: () => transport.close(),
  }
}
