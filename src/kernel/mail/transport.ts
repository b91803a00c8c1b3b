import { mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import nodemailer from 'nodemailer'
import type { MailConfig } from '../config/config.js'
import type { DeliveryFailure } from '../identity/invitations-table.js'
import type { Mail } from './mail.js'

/** The longest wait for the connection, and for each answer of the server. */
const SMTP_TIMEOUT_MS = 10_000
/** The longest try. A server that sends one byte at a time never reaches the timeout of an answer. */
const TRY_MS_MAX = 45_000

/** What identifies a mail. It is the same for each try, so that the mail server of the recipient can drop a second copy. */
export interface Envelope {
  readonly id: string
  readonly created_at: string
}

/** A transport for mails. */
export interface Transport {
  /**
   * Delivers a mail once. Resolves when the server has accepted it, or when its file is written.
   * @throws Error; `refusalOf` says whether another try can help
   */
  deliver(mail: Mail, envelope: Envelope, signal: AbortSignal): Promise<Delivery>
}

/** What became of a mail, for the log. */
export interface Delivery {
  readonly text: string
  /** Without a server: the file of the mail. */
  readonly file?: string
}

/** Opens the transport for mails. */
export function openTransport(config: MailConfig): Transport {
  return config.kind === 'smtp' ? bySmtp(config.url, config.from) : intoFolder(config.folder, config.from)
}

/** Each mail has a connection of its own, so that aborting a try closes nothing else. */
function bySmtp(url: string, from: string): Transport {
  const transport = nodemailer.createTransport({
    url,
    connectionTimeout: SMTP_TIMEOUT_MS,
    greetingTimeout: SMTP_TIMEOUT_MS,
    socketTimeout: SMTP_TIMEOUT_MS,
    // A mail must not make nodemailer read a file or a URL.
    disableFileAccess: true,
    disableUrlAccess: true,
  })
  return {
    async deliver(mail, envelope, signal) {
      const bounded = AbortSignal.any([signal, AbortSignal.timeout(TRY_MS_MAX)])
      await transport.sendMail({ ...message(mail, envelope, from), signal: bounded })
      return { text: 'mail accepted by the mail server' }
    },
  }
}

/** The recipient is one address. As an object, it is not parsed as a list of addresses. */
function message({ to, subject, text, html }: Mail, { id, created_at }: Envelope, from: string) {
  const domain = /@([A-Za-z0-9.-]+)/.exec(from)?.[1] ?? 'localhost'
  const date = new Date(created_at)
  return { from, to: { name: '', address: to }, subject, text, html, date, messageId: `<${id}@${domain}>` }
}

/**
 * The text of a mail in a file, as it is. nodemailer would encode a line as long as that of a link and break it, so that
 * nobody could click the link or copy it. A file does not pass a mail server that takes 7 bits only.
 */
function readableText(text: string): { raw: string } {
  return { raw: `Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n${text}` }
}

function intoFolder(folder: string, from: string): Transport {
  const transport = nodemailer.createTransport({ streamTransport: true, buffer: true, newline: 'unix' })
  return {
    async deliver(mail, envelope) {
      const sent = await transport.sendMail({
        ...message(mail, envelope, from),
        ...(mail.html !== undefined && { text: readableText(mail.text) }),
      })
      mkdirSync(folder, { recursive: true, mode: 0o700 })
      // A second try writes the same file. The ids are in the order in which the mails were queued.
      const file = join(folder, `${envelope.id}.eml`)
      // The file gets its final name when it is complete, so that a reader of the folder never sees half of a mail.
      writeFileSync(`${file}.part`, sent.message as Buffer, { mode: 0o600 })
      renameSync(`${file}.part`, file)
      return { text: 'mail written to a file; open it in a mail program, or read its text and click the link', file }
    },
  }
}

/** An error of nodemailer. Its message can quote the server, which quotes the address. */
interface SmtpError extends Error {
  readonly code?: string
  readonly command?: string
  readonly responseCode?: number
}

/** The commands that concern one mail. After an error of another command, such as AUTH, the server may take the mail later. */
const OF_ONE_MAIL = ['MAIL FROM', 'RCPT TO', 'DATA']

/**
 * Returns why a server will never take a mail; undefined if another try can help: the connection broke, a timeout, a 4xx
 * reply, or a login that the operator can repair (RFC 5321 section 4.2.1).
 */
export function refusalOf(error: unknown): Extract<DeliveryFailure, 'address_refused' | 'mail_refused'> | undefined {
  const { code, command = '', responseCode = 0 } = error as SmtpError
  // nodemailer found an address that no envelope can contain.
  if (code === 'EENVELOPE' && command === 'API') return 'address_refused'
  if (responseCode < 500 || responseCode > 599 || !OF_ONE_MAIL.includes(command)) return undefined
  return command === 'RCPT TO' ? 'address_refused' : 'mail_refused'
}

/** The fields of a failed try for the log, without the text of the server. */
export function failureFields(error: unknown): Record<string, unknown> {
  const { name, code, command, responseCode } = error as SmtpError
  return { error: name, code, command, reply: responseCode }
}
