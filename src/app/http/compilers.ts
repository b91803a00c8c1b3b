import ajvCompiler from '@fastify/ajv-compiler'
import serializerCompiler from '@fastify/fast-json-stringify-compiler'
import type { FastifyServerOptions } from 'fastify'

type SchemaController = NonNullable<FastifyServerOptions['schemaController']>

/**
 * Fastify's own compilers of schemas, each different schema compiled once.
 *
 * Routes share most of their schemas: every refusal, every page, every id in a path. Two thousand answers have about a
 * hundred shapes, and compiling each of them anew was half of the time between the start and the first answer.
 *
 * What is compiled may be shared: a serializer keeps nothing between two calls, and a validator only its errors, which
 * Fastify reads before anything else runs.
 */
export function sharingCompilers(): SchemaController {
  const buildValidator = ajvCompiler()
  const buildSerializer = serializerCompiler()
  return {
    compilersFactory: {
      buildValidator: (...parts: Parameters<typeof buildValidator>) => oncePerSchema(buildValidator(...parts)),
      buildSerializer: (...parts: Parameters<typeof buildSerializer>) => oncePerSchema(buildSerializer(...parts)),
    } as SchemaController['compilersFactory'],
  }
}

/** A compiler that answers the same schema with the same function. Schemas are data, so their JSON is what they are. */
function oncePerSchema<Route extends { schema?: unknown }, Compiled>(compile: (route: Route) => Compiled) {
  const compiled = new Map<string, Compiled>()
  return (route: Route): Compiled => {
    const key = JSON.stringify(route.schema)
    const known = compiled.get(key)
    if (known !== undefined) return known
    const made = compile(route)
    compiled.set(key, made)
    return made
  }
}
