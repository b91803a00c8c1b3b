import type pg from 'pg'

/** Ends a connection without a word to the server. Its statements fail at once. */
export function destroy(client: pg.ClientBase): void {
  const { stream } = (client as unknown as { connection: { stream: { destroy(): void } } }).connection
  stream.destroy()
}
