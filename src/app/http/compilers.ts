import ajvCompiler from '@fastify/ajv-compiler'
import serializerCompiler from '@fastify/fast-json-stringify-compiler'
import type { FastifyServerOptions } from 'fastify'

/** How a server compiles its schemas. */
export type SchemaController = NonNullable<FastifyServerOptions['schemaController']>

/**
 * Fastify's own compilers of schemas, which compile each different schema once.
 *
 * Routes share most of their schemas: every refusal, every page, every id in a path. Two thousand responses have about a
 * hundred shapes, and compiling each response by itself took half of the time from the start to the first response.
 *
 * Compiled functions may be shared: a serializer keeps nothing between two calls, and a validator only its errors, which
 * Fastify reads before anything else runs. Servers that share these compilers must have the same options and formats.
 */
export function sharingCompilers(): SchemaController {
  return {
    compilersFactory: {
      buildValidator: oncePerSchemas(ajvCompiler()),
      buildSerializer: oncePerSchemas(serializerCompiler()),
    } as SchemaController['compilersFactory'],
  }
}

/** Builds one compiler for the same schemas to refer to, whatever server asks. */
function oncePerSchemas<Schemas, Options, Route extends { schema?: unknown }, Compiled>(
  build: (schemas: Schemas, options: Options) => (route: Route) => Compiled,
) {
  const compilers = new Map<string, (route: Route) => Compiled>()
  return (schemas: Schemas, options: Options) =>
    once(compilers, JSON.stringify(schemas), () => {
      const compile = build(schemas, options)
      const compiled = new Map<string, Compiled>()
      // Schemas are data, so the JSON of a schema identifies it.
      return (route: Route) => once(compiled, JSON.stringify(route.schema), () => compile(route))
    })
}

function once<Value>(known: Map<string, Value>, key: string, make: () => Value): Value {
  const value = known.get(key) ?? make()
  known.set(key, value)
  return value
}
