import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
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
  /** Waits until everything that was handed over is sent or has failed, within a bound, and closes the way out. */
  settled(): Promise<void>
}

/** Where mails go: to an SMTP server, or, embedded, into a folder where whoever tries the gateway out can read them. */
export type MailConfig =
  | { readonly kind: 'smtp'; readonly url: string; readonly from: string }
  | { readonly kind: 'folder'; readonly folder: string; readonly from: string }

const SMTP_TIMEOUT_MS = 10_000
/** A stop waits for mails this long: a dead mail server must not hold the process. */
const SETTLE_MS_MAX = 3_000
/** Mails that are under way at once; beyond it a mail is dropped and told, for a dead server must not use up memory. */
const UNDER_WAY_MAX = 200

interface Log {
  info(fields: object, text: string): void
  error(fields: object, text: string): void
}

/** Opens the way out for mails. */
export function openMailer(config: MailConfig, log: Log): Mailer {
  const { deliver, close } =
    config.kind === 'smtp' ? bySmtp(config.url, config.from) : intoFolder(config.folder, config.from, log)
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
      const bound = new AbortController()
      const end = sleep(SETTLE_MS_MAX, undefined, { signal: bound.signal }).catch(() => undefined)
      await Promise.race([Promise.all(under_way), end])
      bound.abort()
      if (under_way.size > 0) log.error({ mails: under_way.size }, 'mails were still under way at the end')
      close()
    },
  }
}

/** A way out for mails. */
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
    // Nothing in a mail may name a file or a URL to be read by the server.
    disableFileAccess: true,
    disableUrlAccess: true,
  } as SMTPPool.Options)
  return {
    async deliver(mail) {
      await transport.sendMail(message(mail, from))
    },
    // Its idle connections would keep the process alive.
    close: () => transport.close(),
  }
}

/** The receiver is one address and no list of them, whatever stands in it. */
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
      // Under its own name only when it is whole: whoever watches the folder never reads half of a mail.
      writeFileSync(`${file}.part`, sent.message as Buffer, { mode: 0o600 })
      renameSync(`${file}.part`, file)
      log.info({ file }, 'a mail was written')
    },
    close: () => transport.close(),
  }
}
