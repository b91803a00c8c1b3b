import { hash, randomBytes } from 'node:crypto'

/** The lifetime of a ticket. A page opens its socket right after it receives the ticket. */
export const TICKET_SECONDS = 30

/** `ghs_` and 256 random bits in base64url: it replaces the headers in the URL of a stream. */
const TICKET = /^ghs_[A-Za-z0-9_-]{43}$/

/** Makes a ticket. The gateway stores only its digest. */
export function createTicket(): { readonly ticket: string; readonly digest: Buffer } {
  const ticket = `ghs_${randomBytes(32).toString('base64url')}`
  return { ticket, digest: digestOfTicket(ticket) }
}

/** SHA-256: a ticket has 256 random bits, so a fast hash keeps it. */
export function digestOfTicket(ticket: string): Buffer {
  return hash('sha256', ticket, 'buffer')
}

/** Checks the form of a ticket, before a look-up in the database. */
export function isTicket(text: string): boolean {
  return TICKET.test(text)
}
