import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { type TSchema, Type } from 'typebox'
import { PROBLEMS, type ProblemCode } from '../../contract/problems/catalogue.js'
import { KEY_ID } from '../credentials/tenant-key.js'

/** A plugin of routes whose handlers get their types from their schemas. */
export type Routes<Options extends object = Record<never, never>> = FastifyPluginAsyncTypebox<Options>

/** An object with these members and no others. A request with another member is refused. */
export function strictObject<T extends Record<string, TSchema>>(properties: T, options: object = {}) {
  return Type.Object(properties, { ...options, additionalProperties: false })
}

/** A pattern, and what a refusal says about a text that does not match it, without a subject. */
export function matching(pattern: string, message: string) {
  return { pattern, 'x-message': message }
}

/** An id in its one spelling: the server replaces the format `uuid`, which would also take capitals and `urn:uuid:`. */
export const Uuid = Type.String({ format: 'uuid' })
/** The public id of a tenant key. */
export const KeyId = Type.String(matching(KEY_ID.source, 'must be the id of a key: 12 letters and digits'))
/** RFC 3339 with a time zone; a point in time is always answered in UTC. */
export const Instant = Type.String({ format: 'date-time' })
export const Nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()])
const NOT_BLANK = matching('\\S', 'must not be white space alone')
/** One line of text that is not white space alone. */
export const ONE_LINE = matching(
  '^(?=.*\\S)[^\\u0000-\\u001f\\u007f]*$',
  'must be one line of text, with more than white space and without control characters',
)
/** Text of one line that a person reads: not only white space, no control characters. */
export function Line(maxLength: number) {
  return Type.String({ minLength: 1, maxLength, ...ONE_LINE })
}
export const Name = Line(200)
/** Text that a person reads, with line breaks: not only white space. */
export function Text(maxLength: number, description: string) {
  return Type.String({ minLength: 1, maxLength, ...NOT_BLANK, description })
}
/** A body with a reason that the audit keeps. Null is a request without a body. */
export function OptionalReason(description: string) {
  return Nullable(strictObject({ reason: Type.Optional(Text(500, description)) }))
}
export const Email = Type.String({ format: 'email', maxLength: 254 })

/** A scope of the manifest that is in force when the gateway validates the request. */
export const ScopeName = Type.String({ format: 'scope' })

export const TenantParams = strictObject({ tenant_id: Uuid })

const ProblemSchema = Type.Object(
  {
    type: Type.String({ format: 'uri' }),
    title: Type.String(),
    status: Type.Integer(),
    detail: Type.String(),
    code: Type.String(),
    request_id: Type.String(),
  },
  {
    $id: 'Problem',
    additionalProperties: true,
    description: 'RFC 9457. code is stable; type is a page that explains it.',
  },
)

/** The schema of every refusal; registered once, and referred to. */
export const PROBLEM_SCHEMA = ProblemSchema

/** The problems that a route adds to those of its access, as response schemas by status. */
export function problems(...codes: ProblemCode[]): Record<number, TSchema> {
  const by_status = new Map<number, ProblemCode[]>()
  for (const code of codes) {
    const status = PROBLEMS[code].status
    by_status.set(status, [...(by_status.get(status) ?? []), code])
  }
  return Object.fromEntries([...by_status].map(([status, of_status]) => [status, problemResponse(of_status)]))
}

/** The response of one status: which codes it may carry, and that they are problems. */
export function problemResponse(codes: readonly ProblemCode[]): TSchema {
  const description = codes.map((code) => `\`${code}\`: ${PROBLEMS[code].title}`).join('; ')
  return {
    description,
    content: { 'application/problem+json': { schema: Type.Ref('Problem#') } },
    'x-problem-codes': codes,
  } as unknown as TSchema
}

/** An answer without a body. */
export const NoContent = Type.Null({ description: 'Done.' })
