import { createHash } from 'node:crypto'
import { promisify } from 'node:util'
import { brotliCompress, gzip, constants as zlib } from 'node:zlib'
import type { FastifyReply, FastifyRequest } from 'fastify'

/** Codings of a response, in the order of preference. */
export const CODINGS = ['br', 'gzip'] as const
export type Coding = (typeof CODINGS)[number]

/** A shorter text becomes longer, or hardly shorter. */
const COMPRESSED_BYTES_MIN = 1_024
/** The last steps of brotli take ten times as long for a twentieth fewer bytes. */
const QUALITY = { [zlib.BROTLI_PARAM_QUALITY]: 9 }

const compress: Readonly<Record<Coding, (content: Buffer) => Promise<Buffer>>> = {
  br: (content) => promisify(brotliCompress)(content, { params: QUALITY }),
  gzip: promisify(gzip),
}

/** A response that is the same for every client, with its compressed forms. */
export interface Representation {
  readonly type: string
  readonly content: Buffer
  /** The tag of the content, in quotes. Each coding has a tag of its own (RFC 9110 section 8.8.3.3). */
  readonly etag: string
  /** The content in a coding. The first call compresses it outside of the event loop, and every later one gets the result. */
  encoded(coding: Coding): Promise<Buffer>
}

/** Makes a representation. @param compressed the content in codings, if a build has compressed it already */
export function representation(
  type: string,
  content: Buffer,
  compressed: Partial<Readonly<Record<Coding, Buffer>>> = {},
): Representation {
  const known = new Map(
    CODINGS.flatMap((coding) => {
      const { [coding]: encoded } = compressed
      return encoded === undefined ? [] : [[coding, Promise.resolve(encoded)] as const]
    }),
  )
  return {
    type,
    content,
    etag: `"${createHash('sha256').update(content).digest('base64url')}"`,
    encoded(coding) {
      const encoded = known.get(coding) ?? compress[coding](content)
      known.set(coding, encoded)
      return encoded
    },
  }
}

/**
 * Sends a representation: 304 if the client has it, and otherwise in the best coding that the client accepts. The caller
 * sets `Cache-Control`, and `Vary` if the type depends on the request.
 */
export async function sendRepresentation(
  { type, content, etag, encoded }: Representation,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const is_small = content.length < COMPRESSED_BYTES_MIN
  const coding = is_small ? undefined : preferredCoding(request.headers['accept-encoding'])
  const tag = coding === undefined ? etag : etag.replace(/"$/, `-${coding}"`)
  reply.header('etag', tag)
  if (!is_small) addVary(reply, 'Accept-Encoding')
  if (hasTag(request.headers['if-none-match'], tag)) return reply.code(304).send()
  if (coding !== undefined) reply.header('content-encoding', coding)
  return reply.type(type).send(coding === undefined ? content : await encoded(coding))
}

/** Adds a name to the `Vary` of a response. */
export function addVary(reply: FastifyReply, name: string): void {
  const present = reply.getHeader('vary')
  reply.header('vary', present === undefined ? name : `${present}, ${name}`)
}

/** Returns the coding to use; undefined if the client accepts none, or refuses those that there are. */
function preferredCoding(accept_encoding: string | string[] | undefined): Coding | undefined {
  const weights = new Map<string, number>()
  for (const part of String(accept_encoding ?? '')
    .toLowerCase()
    .split(',')) {
    const [, name = '', weight = '1'] = /^\s*([a-z*]+)\s*(?:;\s*q=([01](?:\.[0-9]{0,3})?)\s*)?$/.exec(part) ?? []
    weights.set(name, Number(weight))
  }
  const weightOf = (coding: Coding) => weights.get(coding) ?? weights.get('*') ?? 0
  const [best] = CODINGS.toSorted((left, right) => weightOf(right) - weightOf(left))
  return best !== undefined && weightOf(best) > 0 ? best : undefined
}

/** Whether `If-None-Match` has a tag (RFC 9110 section 13.1.2: weak comparison). */
function hasTag(if_none_match: string | string[] | undefined, tag: string): boolean {
  const tags = String(if_none_match ?? '').split(',')
  return tags.some((each) => each.trim() === '*' || each.trim().replace(/^W\//, '') === tag)
}
