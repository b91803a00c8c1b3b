import { createHmac, timingSafeEqual } from 'node:crypto'
import type { FastifyInstance } from 'fastify'

/** 128 bits: a client cannot find a seal by trying. */
const SEAL_BYTES = 16

/** Begins every cursor. The random characters after it could be the prefix of a credential, which no URL may contain. */
const PREFIX = 'c'

declare module 'fastify' {
  interface FastifyInstance {
    readonly cursors: Cursors
  }
}

/** Writes and reads the cursors of lists. */
export interface Cursors {
  /** Returns the cursor of a position in a list. */
  seal(list: string, position: string): string
  /** Returns the position of a cursor. Undefined for a cursor of another list, and for one that this gateway did not write. */
  open(list: string, cursor: string): string | undefined
}

/**
 * Makes cursors that a client cannot forge: PREFIX, and base64url of a seal and a position, where the seal is an HMAC (RFC 2104) of the
 * list and the position. The first key seals, all keys open.
 */
export function openCursors(keys: readonly [Buffer, ...Buffer[]]): Cursors {
  const sealOf = (key: Buffer, list: string, position: string) =>
    createHmac('sha256', key)
      .update(JSON.stringify([list, position]))
      .digest()
      .subarray(0, SEAL_BYTES)
  return {
    seal(list, position) {
      const bytes = Buffer.concat([sealOf(keys[0], list, position), Buffer.from(position)])
      return PREFIX + bytes.toString('base64url')
    },
    open(list, cursor) {
      const bytes = Buffer.from(cursor.slice(PREFIX.length), 'base64url')
      // Buffer ignores what is not base64url. A cursor has one spelling.
      if (bytes.length <= SEAL_BYTES || PREFIX + bytes.toString('base64url') !== cursor) return undefined
      const position = bytes.subarray(SEAL_BYTES).toString('latin1')
      const given = bytes.subarray(0, SEAL_BYTES)
      return keys.some((key) => timingSafeEqual(given, sealOf(key, list, position))) ? position : undefined
    },
  }
}

/** Gives the lists of a server their cursors. */
export function installCursors(app: FastifyInstance, keys: readonly [Buffer, ...Buffer[]]): void {
  app.decorate('cursors', openCursors(keys))
}
