import type { FastifyError, FastifyInstance, FastifyRequest } from 'fastify'
import type { ProblemCode } from '../../contract/problems/catalogue.js'
import { sendRefusal, wantsPage } from '../../kernel/pages/pages.js'
import { Problem } from '../../kernel/problems/problems.js'
import { escapePointer, type FieldError, validationFailed } from '../../kernel/problems/validation.js'
import { noteProblem, sendProblem } from '../../kernel/request/send-problem.js'
import type { WebSockets } from '../../kernel/sockets/web-sockets.js'
import { MISTAKES_MAX } from './all-mistakes.js'

/** The problems for Fastify's errors, by their code. Any other code is a bug of the gateway: 500. */
const FRAMEWORK_CODES: Readonly<Record<string, ProblemCode>> = {
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'unsupported_media_type',
  FST_ERR_CTP_INVALID_TYPE: 'unsupported_media_type',
  FST_ERR_CTP_BODY_TOO_LARGE: 'body_too_large',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'malformed_request',
  FST_ERR_CTP_EMPTY_JSON_BODY: 'malformed_json',
  FST_ERR_CTP_INVALID_JSON_BODY: 'malformed_json',
  FST_ERR_BAD_URL: 'malformed_request',
  FST_ERR_MAX_PARAM_LENGTH: 'uri_too_long',
  FST_ERR_ASYNC_CONSTRAINT: 'internal_error',
  ECONNRESET: 'malformed_request',
}

/** Answers every error: of handlers, of steps, of Fastify, and of its router. */
export function installErrorHandler(app: FastifyInstance, public_url: string, sockets: WebSockets): void {
  app.setErrorHandler<FastifyError>((error, request, reply) => {
    const problem = problemOf(error, request)
    logProblem(problem, error, request)
    noteProblem(problem, request)
    if (sockets.refuse(problem, request, reply)) return
    if (wantsPage(request)) return sendRefusal(problem, request, reply)
    return sendProblem(problem, public_url, request, reply)
  })
  app.setNotFoundHandler((request, reply) => sendProblem(new Problem('not_found'), public_url, request, reply))
}

function problemOf(error: FastifyError, request: FastifyRequest): Problem {
  if (error instanceof Problem) return error
  if (error.validation !== undefined) return validationProblem(error, request)
  const code = FRAMEWORK_CODES[error.code]
  if (code === 'unsupported_media_type' && takesForm(request)) {
    return new Problem(code, { cause: error, detail: 'Send the body as application/x-www-form-urlencoded.' })
  }
  if (code !== undefined) return new Problem(code, { cause: error })
  // A completely received request is destroyed too. Only an incomplete one was aborted by the client.
  if (request.raw.destroyed && !request.raw.complete) return new Problem('malformed_request', { cause: error })
  return new Problem('internal_error', { cause: error, internal: error.message })
}

interface SchemaError {
  readonly instancePath: string
  readonly keyword: string
  readonly message?: string
  readonly params: Record<string, unknown>
  readonly schemaPath: string
  readonly parentSchema?: SchemaInWords
}

/** What a schema says about itself. */
interface SchemaInWords {
  readonly 'x-message'?: string
  readonly 'x-documented-as'?: { readonly minimum: number; readonly maximum?: number }
  readonly oneOf?: readonly { readonly required?: readonly string[] }[]
}

/** Converts schema errors to validation_failed. A malformed path parameter is 404, like an unknown id. */
function validationProblem(error: FastifyError, request: FastifyRequest): Problem {
  if (error.validationContext === 'params') return new Problem('not_found')
  if (error.validationContext === 'body' && (request.body ?? null) === null) {
    const schema = request.routeOptions.schema?.body as BodySchema
    return validationFailed([
      {
        pointer: '',
        message: `is required: send a ${takesForm(request) ? 'form' : 'JSON body'} with ${fieldsOf(schema)}`,
      },
    ])
  }
  const mistakes = withoutContradictions(error.validation as unknown as SchemaError[]).map(describe)
  // A value can break one rule of its schema in several ways.
  const different = new Map(mistakes.map((mistake) => [`${mistake.pointer} ${mistake.message}`, mistake]))
  return validationFailed([...different.values()].slice(0, MISTAKES_MAX))
}

/** Whether the route is a page, which takes forms in place of JSON. */
function takesForm({ routeOptions }: FastifyRequest): boolean {
  return routeOptions.config?.page !== undefined
}

/** The schema of a body. Each of them is an object. */
interface BodySchema extends SchemaInWords {
  readonly properties?: Readonly<Record<string, unknown>>
  readonly required?: readonly string[]
}

/** The fields that a body must have, in words. */
function fieldsOf({ properties = {}, required = [], oneOf = [] }: BodySchema): string {
  const choice = oneOf.flatMap((each) => each.required ?? [])
  const needed = [...required, ...(choice.length === 0 ? [] : [choice.join(' or ')])]
  return needed.length > 0 ? needed.join(', ') : `at least one of ${Object.keys(properties).join(', ')}`
}

/**
 * Removes what the alternatives of a schema contradict each other in. Alternatives of required fields are one mistake: the
 * choice. Of a value that can be null, the mistakes of the value are left.
 */
function withoutContradictions(errors: readonly SchemaError[]): readonly SchemaError[] {
  const chosen = errors.filter(({ schemaPath }) => !/\/oneOf\/\d/.test(schemaPath))
  const isNull = ({ keyword, params }: SchemaError) => keyword === 'type' && params.type === 'null'
  const choices = new Set(chosen.filter(({ keyword }) => keyword === 'anyOf').map(({ instancePath }) => instancePath))
  const nullable = new Set(chosen.filter(isNull).map(({ instancePath }) => instancePath))
  const isOrNull = (path: string) => choices.has(path) && nullable.has(path)
  return chosen
    .filter((each) => !isOrNull(each.instancePath) || !(each.keyword === 'anyOf' || isNull(each)))
    .map((each) =>
      each.keyword === 'type' && isOrNull(each.instancePath) ? { ...each, message: `${each.message} or null` } : each,
    )
}

const NOT_AN_EMAIL =
  'must be an email address in ASCII; write an international domain in its ASCII form, such as xn--bcher-kva.example'

function describe({ instancePath, keyword, message, params, parentSchema = {} }: SchemaError): FieldError {
  const name = params.additionalProperty ?? params.unevaluatedProperty ?? params.missingProperty
  const pointer = name === undefined ? instancePath : `${instancePath}/${escapePointer(String(name))}`
  if (keyword === 'additionalProperties') return { pointer, message: 'is not a known field' }
  if (keyword === 'required') return { pointer, message: 'is required' }
  if (keyword === 'enum')
    return { pointer, message: `must be one of ${(params.allowedValues as unknown[]).join(', ')}` }
  if (keyword === 'format' && params.format === 'scope') {
    return { pointer, message: 'is not a scope of this gateway; GET /v1/tenants/{tenant_id}/scopes lists them' }
  }
  if (keyword === 'format' && params.format === 'email') return { pointer, message: NOT_AN_EMAIL }
  if (keyword === 'format' && params.format === 'uuid') return { pointer, message: 'must be a UUID in lower case' }
  if (keyword === 'pattern') return { pointer, message: inWords(parentSchema) ?? 'is not valid' }
  if (keyword === 'oneOf') {
    const names = parentSchema.oneOf?.flatMap(({ required = [] }) => required) ?? []
    return { pointer, message: `must have exactly one of ${names.join(' and ')}` }
  }
  return { pointer, message: message ?? 'is not valid' }
}

/** What the schema of a text takes. A pattern itself is for programs. */
function inWords({ 'x-message': message, 'x-documented-as': number }: SchemaInWords): string | undefined {
  if (message !== undefined || number === undefined) return message
  const { minimum, maximum } = number
  return maximum === undefined
    ? `must be an integer of at least ${minimum}`
    : `must be an integer from ${minimum} to ${maximum}`
}

function logProblem(problem: Problem, error: FastifyError, request: FastifyRequest): void {
  const fields = { code: problem.code, status: problem.status }
  if (problem.status === 500) request.log.error({ ...fields, err: causeOf(error) }, 'request failed')
  // A probe asks whether there is a problem. The line of its route says when the answer changes.
  else if (problem.status > 500 && request.routeOptions.config?.is_uncounted !== true)
    request.log.warn({ ...fields, reason: problem.message, err: causeOf(problem.cause) }, 'unavailable')
  else request.log.debug(fields, 'request refused')
}

/** Returns the innermost error. The errors around it repeat the statement with its values. */
function causeOf(error: unknown): unknown {
  let innermost = error
  while (innermost instanceof Error && innermost.cause instanceof Error) innermost = innermost.cause
  return innermost
}
