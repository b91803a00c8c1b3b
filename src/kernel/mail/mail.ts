/** One mail to one address, in plain text and in HTML that says the same. */
export interface Mail {
  readonly to: string
  readonly subject: string
  readonly text: string
  /** Undefined in a mail that an earlier version of the gateway has queued. */
  readonly html?: string
}
