import ajvCompiler from '@fastify/ajv-compiler'
import serializerCompiler from '@fastify/fast-json-stringify-compiler'
import type { FastifyServerOptions } from 'fastify'
import { lazy } from '../../kernel/lazy.js'
import { listingMistakes, type Validator } from './all-mistakes.js'

/** How a server compiles its schemas. */
export type SchemaController = NonNullable<FastifyServerOptions['schemaController']>

/**
 * Fastify's own compilers of schemas, which compile each different schema once.
 *
 * Routes share most of their schemas: every refusal, every page, every id in a path. Two thousand responses have about a
 * hundred shapes, and compiling each response by itself took half of the time from the start to the first response.
 *
 * Compiled functions may be shared: a serializer keeps nothing between two calls, and a validator only its errors, which
 * Fastify reads before anything else runs. A validator calls the `scope` format of the server that compiled it, so servers
 * share validators only if they have the same format. All other options must be the same.
 *
 * @param lazily whether a schema is compiled by the first request that needs it, and not by the start. Compiling all of them
 * takes a fifth of the CPU time of a start. In exchange, a schema that does not compile fails a request, not the start.
 */
export function sharingCompilers({ lazily = false } = {}): SchemaController {
  const build = lazily ? lazyCompilers : (compiler: unknown) => compiler
  return {
    compilersFactory: {
      buildValidator: build(
        oncePerScopeFormat(() => oncePerSchemas(validatorsOf(ajvCompiler() as unknown as BuildValidators))),
      ),
      buildSerializer: build(oncePerSchemas(serializerCompiler())),
    } as SchemaController['compilersFactory'],
  }
}

/** A route's schema, and the part of the request that it is for. */
interface ValidatedRoute {
  readonly schema?: unknown
  readonly httpPart?: string
}

type BuildValidators = (schemas: unknown, options: AjvOptions) => (route: ValidatedRoute) => Validator

/** Lets the validators of bodies list several mistakes. The path and the query have few fields, and their first mistake is enough. */
function validatorsOf(build: BuildValidators): BuildValidators {
  return (schemas, options) => {
    const compileFirst = build(schemas, options)
    // Ajv's builder makes another instance for other options.
    const compileAll = lazy(() =>
      build(schemas, { ...options, customOptions: { ...options.customOptions, allErrors: true } }),
    )
    return (route) => {
      const first = compileFirst(route)
      return route.httpPart === 'body' ? listingMistakes(first, () => compileAll()(route)) : first
    }
  }
}

/** As much of the options of Ajv as can differ between two gateways of one process. */
interface AjvOptions {
  readonly customOptions: {
    readonly formats: { readonly scope: (text: string) => boolean }
    readonly allErrors?: boolean
  }
}

/**
 * Opens one builder for servers with the same `scope` format. Ajv's own builder reuses an instance for options that are
 * the same as JSON, which has no functions, so servers with another format need a builder of their own.
 */
function oncePerScopeFormat<Schemas, Options, Compiler>(open: () => (schemas: Schemas, options: Options) => Compiler) {
  const builders = new WeakMap<object, ReturnType<typeof open>>()
  return (schemas: Schemas, options: Options) => {
    const { scope } = (options as AjvOptions).customOptions.formats
    return once(builders, scope, open)(schemas, options)
  }
}

/** Builds one compiler for the same schemas to refer to, whatever server asks. */
function oncePerSchemas<Schemas, Options, Route extends ValidatedRoute, Compiled>(
  build: (schemas: Schemas, options: Options) => (route: Route) => Compiled,
) {
  const compilers = new Map<string, (route: Route) => Compiled>()
  return (schemas: Schemas, options: Options) =>
    once(compilers, JSON.stringify(schemas), () => {
      const compile = build(schemas, options)
      const compiled = new Map<string, Compiled>()
      // Schemas are data, so the JSON of a schema identifies it.
      return (route: Route) => once(compiled, JSON.stringify([route.httpPart, route.schema]), () => compile(route))
    })
}

type Compiled = ((data: unknown) => unknown) & { errors?: unknown }
type Build = (...schemas: unknown[]) => (...route: unknown[]) => Compiled

/** Makes the functions that the compiler returns compile themselves when they are first called. */
function lazyCompilers(build: unknown): Build {
  return (...schemas) => {
    const compile = (build as Build)(...schemas)
    return (...route) => {
      let compiled: Compiled | undefined
      const run: Compiled = (data) => {
        compiled ??= compile(...route)
        const result = compiled(data)
        // Fastify reads the errors of a validator from the function that it called.
        run.errors = compiled.errors
        return result
      }
      return run
    }
  }
}

function once<Key, Value>(known: KnownValues<Key, Value>, key: Key, make: () => Value): Value {
  const value = known.get(key) ?? make()
  known.set(key, value)
  return value
}

interface KnownValues<Key, Value> {
  get(key: Key): Value | undefined
  set(key: Key, value: Value): unknown
}
