/** One mail to one address, in plain text. */
export interface Mail {
  readonly to: string
  readonly subject: string
  readonly text: string
}
