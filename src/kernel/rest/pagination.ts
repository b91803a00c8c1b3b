import type { FastifyReply, FastifyRequest } from 'fastify'
import { Type } from 'typebox'
import { KEY_ID } from '../credentials/tenant-key.js'
import type { Documents } from '../database/documents.js'
import { LOWER_CASE_UUID, UUID_PATTERN } from '../ids/uuid.js'
import { Problem } from '../problems/problems.js'
import { addLink } from './link.js'

export const LIMIT_DEFAULT = 50
export const LIMIT_MAX = 100
const CURSOR_CHARACTERS_MAX = 512

/** The query parameters that every list has. */
export const PageQuery = {
  limit: Type.Optional(
    Type.String({
      'x-documented-as': { type: 'integer', minimum: 1, maximum: LIMIT_MAX, default: LIMIT_DEFAULT },
      pattern: '^([1-9][0-9]?|100)$',
      description: `How many to return, 1 to ${LIMIT_MAX}; ${LIMIT_DEFAULT} if not given.`,
    }),
  ),
  cursor: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: CURSOR_CHARACTERS_MAX,
      description: 'next_cursor of the page before, as it is.',
    }),
  ),
}

/** What the positions of a list look like. A column could not be compared with anything else. */
const ID_OF = {
  uuid: LOWER_CASE_UUID,
  key: KEY_ID,
  position: /^[1-9][0-9]{0,14}$/,
  scope: /^[!-~]{1,200}$/,
  /** A user or a key of the directory, which has both. */
  principal: new RegExp(`^(user\\.${UUID_PATTERN}|key\\.${KEY_ID.source.slice(1, -1)})$`),
}

/** Where a list goes on: after the object with this id, in the order of the list. */
export interface Page {
  readonly limit: number
  readonly after_id: string | undefined
}

/** A position in a list that is ordered by a number, such as a time or a seq, and by the id among equal numbers. */
export interface PagePosition {
  readonly order: number
  readonly id: string
}

/** Where a list continues that is not ordered by the id alone. */
export interface OrderedPage {
  readonly limit: number
  readonly after: PagePosition | undefined
}

/** A page as a store returns it. */
export interface Rows<T> {
  readonly rows: readonly T[]
  readonly has_more: boolean
  /**
   * Where the next page begins if this page is not full, because the search stopped after SEARCHED_ROWS_MAX rows. Undefined
   * if the search has reached the end.
   */
  readonly continues_at?: string | undefined
}

interface Query {
  readonly limit?: string
  readonly cursor?: string
}

/**
 * Reads limit and cursor of a list, whose ids are UUIDs if nothing else is said.
 *
 * A cursor contains the id that the previous page ended with, and a seal of that id and of the list: tenant, route and
 * filters. A client that changes the id gets a refusal, so that a cursor proves which page it follows.
 *
 * @throws Problem `invalid_cursor` for a cursor of another list, and for one that this gateway did not write.
 */
export function readPage(request: FastifyRequest, ids: keyof typeof ID_OF = 'uuid'): Page {
  const { limit, cursor } = request.query as Query
  return {
    limit: limit === undefined ? LIMIT_DEFAULT : Number(limit),
    after_id: cursor === undefined ? undefined : readCursor(request, cursor, ID_OF[ids]),
  }
}

/**
 * Reads limit and cursor of a list that is ordered by a number and then by the id.
 * @throws Problem `invalid_cursor` as `readPage` does.
 */
export function readOrderedPage(request: FastifyRequest): OrderedPage {
  const { limit, cursor } = request.query as Query
  return {
    limit: limit === undefined ? LIMIT_DEFAULT : Number(limit),
    after: cursor === undefined ? undefined : readPosition(request, cursor),
  }
}

/** A position as a cursor contains it: what `sendPage` needs for the last row of an ordered list. */
export function positionOf(order: number, id: string): string {
  return `${order}.${id}`
}

/** Sends a page: `{data, next_cursor}` and a Link to the next one (RFC 8288). */
export function sendPage<T extends object>(
  request: FastifyRequest,
  reply: FastifyReply,
  { rows, has_more, continues_at }: Rows<T>,
  position_of: (row: T) => string,
): { data: T[]; next_cursor: string | null } {
  const last = rows.at(-1)
  const position = has_more && last !== undefined ? position_of(last) : continues_at
  return { data: [...rows], next_cursor: linkNext(request, reply, position) }
}

/** Sends a page as `sendPage` does, with the objects as the database has written them. */
export function sendDocuments<Reply extends FastifyReply>(
  request: FastifyRequest,
  reply: Reply,
  { text, continues_at }: Documents,
): Reply {
  const next_cursor = linkNext(request, reply, continues_at)
  reply.header('content-type', 'application/json; charset=utf-8')
  // A cursor has no character that JSON escapes.
  reply.send(`{"data":[${text}],"next_cursor":${next_cursor === null ? 'null' : `"${next_cursor}"`}}`)
  return reply
}

/** Adds a link to the page after this position. @returns its cursor */
function linkNext(request: FastifyRequest, reply: FastifyReply, position: string | undefined): string | null {
  if (position === undefined) return null
  const next_cursor = request.server.cursors.seal(listOf(request), position)
  addLink(reply, nextUrl(request, next_cursor), 'next')
  return next_cursor
}

/**
 * Removes the additional row that was read to find out whether there is another page.
 * @param searched_to the position of the last row that the search has read, if there are rows after it
 */
export function pageOf<T>(rows: readonly T[], limit: number, searched_to?: string): Rows<T> {
  const has_more = rows.length > limit
  return { rows: rows.slice(0, limit), has_more, continues_at: has_more ? undefined : searched_to }
}

/** A seq, or milliseconds of a time that a date can hold, up to the year 2286. */
const ORDER = /^(0|[1-9][0-9]{0,12})$/

function readCursor(request: FastifyRequest, cursor: string, pattern: RegExp): string {
  const id = request.server.cursors.open(listOf(request), cursor)
  // The release that wrote the cursor can have had ids of another form.
  if (id === undefined || !pattern.test(id)) throw new Problem('invalid_cursor')
  return id
}

function readPosition(request: FastifyRequest, cursor: string): PagePosition {
  const position = request.server.cursors.open(listOf(request), cursor)
  const [order, id, ...more] = position?.split('.') ?? []
  const is_position = order !== undefined && id !== undefined && more.length === 0
  if (!is_position || !ORDER.test(order) || !ID_OF.uuid.test(id)) throw new Problem('invalid_cursor')
  return { order: Number(order), id }
}

/** Which list a cursor belongs to. Each part is in JSON, so that two different lists are never the same text. */
function listOf(request: FastifyRequest): string {
  const { limit: _limit, cursor: _cursor, ...filters } = request.query as Record<string, unknown>
  const sorted = Object.entries(filters).sort(([left], [right]) => (left < right ? -1 : 1))
  const list = [
    request.findings.tenant?.id ?? null,
    request.findings.principal?.kind ?? null,
    request.routeOptions.url,
    sorted,
  ]
  return JSON.stringify(list)
}

function nextUrl(request: FastifyRequest, cursor: string): string {
  const [path, query] = (request.raw.url ?? '').split('?')
  const parameters = new URLSearchParams(query)
  parameters.set('cursor', cursor)
  return `${path}?${parameters}`
}

/** The answer of a list, for OpenAPI and for the serialiser. */
export function pageSchema<T extends import('typebox').TSchema>(item: T) {
  return Type.Object({
    data: Type.Array(item),
    next_cursor: Type.Union([Type.String(), Type.Null()], {
      description:
        'Send it as cursor for the next page; null at the end. A search can stop after 10,000 rows: then a page has fewer rows than `limit`, and its cursor continues the search.',
    }),
  })
}
