import { hash, randomBytes } from 'node:crypto'

/** How long a ticket can be used: a page that asks for one opens its socket at once. */
export const TICKET_SECONDS = 30

/** `ghs_` and 256 random bits in base64url: what stands for the headers in the URL of a stream. */
const TICKET = /^ghs_[A-Za-z0-9_-]{43}$/

/** Makes a ticket; what is kept of it is the digest. */
export function createTicket(): { readonly ticket: string; readonly digest: Buffer } {
  const ticket = `ghs_${randomBytes(32).toString('base64url')}`
  return { ticket, digest: digestOfTicket(ticket) }
}

/** SHA-256: a ticket has 256 random bits, so a fast hash keeps it. */
export function digestOfTicket(ticket: string): Buffer {
  return hash('sha256', ticket, 'buffer')
}

/** Whether a text has the form of a ticket; nothing else is looked up. */
export function isTicket(text: string): boolean {
  return TICKET.test(text)
}
