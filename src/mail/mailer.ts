import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import nodemailer from 'nodemailer'
import type SMTPPool from 'nodemailer/lib/smtp-pool/index.js'
import { v7 as uuidv7 } from 'uuid'

/** One mail to one person, in plain text. */
export interface Mail {
  readonly to: string
  readonly subject: string
  readonly text: string
}

export interface Mailer {
  /** Hands a mail over to be sent. Never throws and never makes the request wait: what fails is told to the log. */
  send(mail: Mail): void
  /** Waits until everything that was handed over is sent or has failed. */
  settled(): Promise<void>
}

/** Where mails go: to an SMTP server, or, embedded, into a folder where whoever tries the gateway out can read them. */
export type MailConfig =
  | { readonly kind: 'smtp'; readonly url: string; readonly from: string }
  | { readonly kind: 'folder'; readonly folder: string; readonly from: string }

const SMTP_TIMEOUT_MS = 10_000
/** Mails that are under way at once; beyond it a mail is dropped and told, for a dead server must not use up memory. */
const UNDER_WAY_MAX = 200

interface Log {
  info(fields: object, text: string): void
  error(fields: object, text: string): void
}

/** Opens the way out for mails. */
export function openMailer(config: MailConfig, log: Log): Mailer {
  const deliver = config.kind === 'smtp' ? bySmtp(config.url, config.from) : intoFolder(config.folder, config.from, log)
  const under_way = new Set<Promise<void>>()
  return {
    send(mail) {
      if (under_way.size >= UNDER_WAY_MAX) {
        log.error({ subject: mail.subject }, 'a mail was dropped: too many are under way')
        return
      }
      const sending = deliver(mail)
        .catch((error: Error) =>
          log.error({ subject: mail.subject, reason: error.message }, 'a mail could not be sent'),
        )
        .finally(() => under_way.delete(sending))
      under_way.add(sending)
    },
    async settled() {
      await Promise.all(under_way)
    },
  }
}

function bySmtp(url: string, from: string): (mail: Mail) => Promise<void> {
  const transport = nodemailer.createTransport({
    url,
    pool: true,
    connectionTimeout: SMTP_TIMEOUT_MS,
    greetingTimeout: SMTP_TIMEOUT_MS,
    socketTimeout: SMTP_TIMEOUT_MS,
    // Nothing in a mail may name a file or a URL to be read by the server.
    disableFileAccess: true,
    disableUrlAccess: true,
  } as SMTPPool.Options)
  return async (mail) => {
    await transport.sendMail({ ...mail, from })
  }
}

function intoFolder(folder: string, from: string, log: Log): (mail: Mail) => Promise<void> {
  const transport = nodemailer.createTransport({ streamTransport: true, buffer: true, newline: 'unix' })
  return async (mail) => {
    const { message } = await transport.sendMail({ ...mail, from })
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    const file = join(folder, `${uuidv7()}.eml`)
    writeFileSync(file, message as Buffer, { mode: 0o600 })
    log.info({ file }, 'a mail was written')
  }
}
