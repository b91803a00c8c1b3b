import envSchema from 'env-schema'
import { type Static, Type } from 'typebox'
import { BUDGETS, budgetPattern, CONNECTION_LIMITS } from '../limits/budgets.js'

/** The longest lifetime of an access token. A token that claims a longer one is refused. */
export const ACCESS_TOKEN_SECONDS_MAX = 86_400

/**
 * The only file that reads the environment.
 *
 * The values here are text, numbers and booleans; `config.ts` derives choices from them. An invalid variable stops the
 * boot with one line. The line names the variable and does not print its value, because the value may be a secret.
 */
const EnvironmentSchema = Type.Object({
  NODE_ENV: Type.Optional(Type.Enum(['development', 'production', 'test'])),
  WORKERS: Type.Integer({ minimum: 1, maximum: 64, default: 1 }),
  HOST: Type.Optional(Type.String({ minLength: 1 })),
  PORT: Type.Integer({ minimum: 0, maximum: 65535, default: 8000 }),
  DATABASE_URL: Type.Optional(Type.String({ pattern: '^postgres(ql)?://' })),
  DATABASE_POOLER: Type.Enum(['session', 'transaction'], { default: 'session' }),
  DATABASE_DIRECT_URL: Type.Optional(Type.String({ pattern: '^postgres(ql)?://' })),
  DATABASE_POOL_MAX: Type.Integer({ minimum: 1, maximum: 200, default: 10 }),
  DATA_DIR: Type.String({ minLength: 1, default: '.data' }),
  REDIS_URL: Type.Optional(Type.String({ pattern: '^rediss?://' })),
  PUBLIC_URL: Type.Optional(Type.String({ pattern: '^https?://[^/?#]+$' })),
  APP_URL: Type.Optional(Type.String({ pattern: '^https?://[^/?#@\\s]+(/[^?#\\s]*)?$' })),
  JWT_SIGNING_KEYS: Type.Optional(Type.String({ minLength: 1 })),
  ACCESS_TOKEN_SECONDS: Type.Integer({ minimum: 30, maximum: ACCESS_TOKEN_SECONDS_MAX, default: 3600 }),
  REFRESH_TOKEN_SECONDS: Type.Integer({ minimum: 60, maximum: 31536000, default: 604800 }),
  TRUST_PROXY: Type.Optional(Type.String({ minLength: 1 })),
  CORS_ORIGINS: Type.Optional(Type.String()),
  ALLOW_REGISTRATION: Type.Boolean({ default: false }),
  ALLOW_TENANTS: Type.Boolean({ default: true }),
  UPSTREAMS_FILE: Type.Optional(Type.String({ minLength: 1 })),
  METRICS_PORT: Type.Optional(Type.Integer({ minimum: 0, maximum: 65535 })),
  METRICS_HOST: Type.String({ minLength: 1, default: '127.0.0.1' }),
  SMTP_URL: Type.Optional(Type.String({ pattern: '^smtps?://' })),
  MAIL_FROM: Type.String({ minLength: 3, default: 'Gatehouse <gatehouse@localhost>' }),
  CONNECTIONS_USER: Type.Integer({ minimum: 1, maximum: 100000, default: CONNECTION_LIMITS.user.count }),
  CONNECTIONS_TENANT: Type.Integer({ minimum: 1, maximum: 100000, default: CONNECTION_LIMITS.tenant.count }),
  LOG_LEVEL: Type.Enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'], { default: 'info' }),
  ...Object.fromEntries(
    Object.values(BUDGETS).map((budget) => [
      budget.variable,
      Type.Optional(Type.String({ pattern: budgetPattern(budget) })),
    ]),
  ),
})

export type Environment = Static<typeof EnvironmentSchema>

/** An error in the configuration. Its message is one line for the operator who starts the process. */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError'

  override toString(): string {
    return this.message
  }
}

const HINTS: Record<string, string> = {
  DATABASE_URL: 'must be a postgres:// URL',
  DATABASE_DIRECT_URL: 'must be a postgres:// URL',
  REDIS_URL: 'must be a redis:// or rediss:// URL',
  SMTP_URL: 'must be an smtp:// or smtps:// URL',
  APP_URL: 'must be a URL such as https://app.example.com or https://example.com/app, without a query',
  PUBLIC_URL: 'must be an origin such as https://api.example.com, without a path',
}

/** A copy, because env-schema changes the schema. One copy for all calls, because a schema is compiled once for each object. */
const SCHEMA = structuredClone(EnvironmentSchema)

/**
 * Reads and checks the environment.
 *
 * An empty variable counts as absent, as in a compose file that leaves it blank. An unknown variable that starts with
 * `BUDGET_` stops the boot, because the operator believes that this limit is in force.
 *
 * @throws ConfigurationError that names the first invalid variable
 */
export function readEnvironment(variables: NodeJS.ProcessEnv = process.env): Environment {
  const given = Object.fromEntries(Object.entries(variables).filter(([, value]) => value !== undefined && value !== ''))
  for (const name of Object.keys(given)) {
    if (name.startsWith('BUDGET_') && !(name in EnvironmentSchema.properties)) {
      throw new ConfigurationError(`${name}: there is no such budget`)
    }
  }
  try {
    return envSchema<Environment>({ schema: SCHEMA, data: given, env: false })
  } catch (error) {
    throw new ConfigurationError(describe(error))
  }
}

interface SchemaError {
  instancePath: string
  message?: string
  keyword: string
  params: { allowedValues?: string[] }
}

function describe(error: unknown): string {
  const [first] = (error as { errors?: SchemaError[] }).errors ?? []
  if (first === undefined) return 'the environment could not be read'
  const name = first.instancePath.slice(1)
  if (name.startsWith('BUDGET_')) return `${name}: must be <requests>/<seconds>, such as 100/60`
  if (first.keyword === 'enum') return `${name}: must be one of ${first.params.allowedValues?.join(', ')}`
  return `${name}: ${HINTS[name] ?? first.message ?? 'is not valid'}`
}
