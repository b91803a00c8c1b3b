import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

/** A mail in the folder. */
export interface ReadMail {
  readonly to: string
  readonly subject: string
  /** The part in plain text, with soft line breaks undone and quoted-printable decoded. */
  readonly text: string
  /** The part in HTML. Empty for a mail without one. */
  readonly html: string
  /** Every header with its name in lower case, also repeated ones. */
  readonly headers: readonly (readonly [string, string])[]
  /** The token of the link, if there is one. */
  readonly token: string
}

const WAIT_MS_MAX = 5_000

/** The mails that a gateway with this `DATA_DIR` wrote, oldest first. Waits up to 5 s for `expected` mails. */
export async function readMails(data_dir: string, expected = 0): Promise<ReadMail[]> {
  const folder = join(data_dir, 'mail')
  const names = () => (existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.eml')) : [])
  // The gateway writes a mail after the response. Only a failed test reaches the time limit.
  for (const end = Date.now() + WAIT_MS_MAX; names().length < expected && Date.now() < end; ) await sleep(5)
  return names()
    .sort()
    .map((name) => parse(readFileSync(join(folder, name), 'utf8')))
}

/** Reads one message: multipart/alternative, or plain text. */
export function parse(message: string): ReadMail {
  const { headers, value, body } = partOf(message.replaceAll('\r\n', '\n'))
  const boundary = /boundary="([^"]+)"/.exec(value('content-type'))?.[1]
  const parts =
    boundary === undefined
      ? []
      : body
          .split(`--${boundary}`)
          .slice(1, -1)
          .map((part) => partOf(part.slice(1)))
  const ofType = (type: string) => {
    const part = parts.find(({ value }) => value('content-type').startsWith(type))
    return part && decode(part.body, part.value('content-transfer-encoding'))
  }
  const text = ofType('text/plain') ?? decode(body, value('content-transfer-encoding'))
  const token = /ght_[\w-]+/.exec(text)?.[0] ?? ''
  return { to: value('to'), subject: value('subject'), headers, text, html: ofType('text/html') ?? '', token }
}

function partOf(text: string) {
  const [head = '', ...rest] = text.split('\n\n')
  const headers = head
    .replaceAll(/\n[ \t]+/g, ' ')
    .split('\n')
    .map((line) => [line.split(':')[0]?.toLowerCase() ?? '', line.slice(line.indexOf(':') + 1).trim()] as const)
  const value = (name: string) => headers.find(([each]) => each === name)?.[1] ?? ''
  return { headers, value, body: rest.join('\n\n') }
}

function decode(body: string, encoding: string): string {
  if (encoding === 'base64') return Buffer.from(body, 'base64').toString('utf8')
  if (encoding !== 'quoted-printable') return body
  const bytes = body
    .replaceAll('=\n', '')
    .replaceAll(/=([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
  return Buffer.from(bytes, 'latin1').toString('utf8')
}
