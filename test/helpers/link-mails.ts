import type { Mail } from '../../src/kernel/mail/mail.js'
import type { LinkMail } from '../../src/kernel/mail/outbox.js'

/** The mail of a link for a store in a test. No gateway can decrypt the mail, so none sends it. */
export function linkMail(): LinkMail & { token(): string } {
  const tokens: string[] = []
  return {
    outbox: {
      budget: { name: 'mailbox', quota: 1_000_000, window_seconds: 60 },
      seal: () => ({ content: Buffer.from('sealed by a test'), sealed_by: 'test' }),
    },
    write(to, token): Mail {
      tokens.push(token)
      return { to, subject: 'Test', text: 'Test' }
    },
    /** The token of the last link. */
    token() {
      const token = tokens.at(-1)
      if (token === undefined) throw new Error('no link was made')
      return token
    },
  }
}
