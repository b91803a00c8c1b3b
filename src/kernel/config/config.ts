import { isIP } from 'node:net'
import { join } from 'node:path'
import ipaddr from 'ipaddr.js'
import { type Budgets, type ConnectionLimits, readBudgets } from '../limits/budgets.js'
import { ConfigurationError, type Environment } from './env.js'
import { pageOriginOf } from './page-origin.js'

/** Where the gateway keeps its rows: in a folder of this process, or in a PostgreSQL server through a pool. */
export type StorageConfig =
  | { readonly engine: 'embedded'; readonly data_dir: string }
  | {
      readonly engine: 'pooled'
      readonly url: string
      readonly connections_max: number
      /** The same database without a pooler, if `url` leads to a pooler in transaction mode. */
      readonly direct_url?: string | undefined
    }

/** Where mails go: to an SMTP server, or into a folder where a developer who tries the gateway can read them. */
export type MailConfig =
  | { readonly kind: 'smtp'; readonly url: string; readonly from: string }
  | { readonly kind: 'folder'; readonly folder: string; readonly from: string }

/** The configuration of the process. Choices are unions, so that a contradiction cannot be written. */
export interface Config {
  readonly production: boolean
  readonly host: string
  readonly port: number
  /** Processes that serve the port together. The embedded database has one. */
  readonly workers: number
  /** The origin at which clients reach the gateway. Problem types and the token issuer are built from it. */
  readonly public_url: string
  /** Where the links in mails lead: below this URL, without a slash at its end. The pages of the gateway, or a front end. */
  readonly link_url: string
  readonly storage: StorageConfig
  readonly access_token_seconds: number
  readonly refresh_token_seconds: number
  /** Addresses and networks of proxies whose `X-Forwarded-*` headers the gateway trusts. */
  readonly trusted_proxies: readonly string[]
  readonly cors_origins: readonly string[]
  readonly allow_registration: boolean
  /** Whether users create tenants themselves. Otherwise only operators do. */
  readonly allow_tenants: boolean
  /** The path of the manifest of upstreams; undefined without upstreams. */
  readonly upstreams_file: string | undefined
  /** Where the gateway serves metrics to Prometheus; undefined if it serves none. */
  readonly metrics: { readonly host: string; readonly port: number } | undefined
  readonly mail: MailConfig
  readonly log_level: Environment['LOG_LEVEL']
  /** Where replicas count budgets together and send each other events; undefined without Redis. */
  readonly redis_url: string | undefined
  readonly budgets: Budgets
  readonly connections: ConnectionLimits
}

/**
 * Derives the configuration from the environment.
 *
 * @throws ConfigurationError for an invalid value, or for two values that contradict each other
 */
export function configure(environment: Environment): Config {
  const production = environment.NODE_ENV === 'production'
  refuseContradictions(environment, production)
  const public_url = environment.PUBLIC_URL ?? `http://localhost:${environment.PORT}`
  return {
    production,
    host: environment.HOST ?? (production ? '0.0.0.0' : '127.0.0.1'),
    port: environment.PORT,
    workers: environment.WORKERS,
    public_url,
    link_url: environment.APP_URL === undefined ? public_url : checkedUrl('APP_URL', environment.APP_URL),
    storage:
      environment.DATABASE_URL === undefined
        ? { engine: 'embedded', data_dir: environment.DATA_DIR }
        : {
            engine: 'pooled',
            url: environment.DATABASE_URL,
            connections_max: environment.DATABASE_POOL_MAX,
            direct_url: environment.DATABASE_POOLER === 'transaction' ? environment.DATABASE_DIRECT_URL : undefined,
          },
    access_token_seconds: environment.ACCESS_TOKEN_SECONDS,
    refresh_token_seconds: environment.REFRESH_TOKEN_SECONDS,
    trusted_proxies: list(environment.TRUST_PROXY).map(checkedNetwork),
    cors_origins: list(environment.CORS_ORIGINS).map((origin) => checkedOrigin('CORS_ORIGINS', origin)),
    allow_registration: environment.ALLOW_REGISTRATION,
    allow_tenants: environment.ALLOW_TENANTS,
    upstreams_file: environment.UPSTREAMS_FILE,
    metrics:
      environment.METRICS_PORT === undefined
        ? undefined
        : { host: environment.METRICS_HOST, port: environment.METRICS_PORT },
    mail:
      environment.SMTP_URL === undefined
        ? { kind: 'folder', folder: join(environment.DATA_DIR, 'mail'), from: environment.MAIL_FROM }
        : { kind: 'smtp', url: environment.SMTP_URL, from: environment.MAIL_FROM },
    log_level: environment.LOG_LEVEL,
    redis_url: environment.REDIS_URL,
    budgets: readBudgets(environment),
    connections: { user: environment.CONNECTIONS_USER, tenant: environment.CONNECTIONS_TENANT },
  }
}

function refuseContradictions(environment: Environment, production: boolean): void {
  if (environment.REFRESH_TOKEN_SECONDS <= environment.ACCESS_TOKEN_SECONDS) {
    throw new ConfigurationError('REFRESH_TOKEN_SECONDS: must be longer than ACCESS_TOKEN_SECONDS')
  }
  if (environment.JWT_SIGNING_KEYS === undefined && (production || environment.DATABASE_URL !== undefined)) {
    throw new ConfigurationError(
      'JWT_SIGNING_KEYS: must be set in production and with DATABASE_URL; make a key with: npm run operator -- signing-key',
    )
  }
  if (environment.DATABASE_POOLER === 'transaction' && environment.DATABASE_DIRECT_URL === undefined) {
    throw new ConfigurationError(
      'DATABASE_DIRECT_URL: must be set with DATABASE_POOLER=transaction, because one connection listens',
    )
  }
  if (production && environment.PUBLIC_URL === undefined) {
    throw new ConfigurationError('PUBLIC_URL: must be set in production: it is the issuer of every token')
  }
}

/** Returns a URL without slashes at its end. @throws ConfigurationError for text that only looks like a URL */
function checkedUrl(variable: string, text: string): string {
  if (URL.canParse(text)) return text.replace(/\/+$/, '')
  throw new ConfigurationError(`${variable}: must be a URL such as https://app.example.com`)
}

function list(text: string | undefined): string[] {
  return (text ?? '')
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '')
}

/** Accepts only addresses and networks: `true` would trust every client that connects. */
function checkedNetwork(text: string): string {
  if (isIP(text) === 0 && !ipaddr.isValidCIDR(text)) {
    throw new ConfigurationError('TRUST_PROXY: must be a list of addresses or networks (CIDR); never true')
  }
  return text
}

/** Checks an origin as a browser or an app sends it. */
function checkedOrigin(variable: string, text: string): string {
  if (pageOriginOf(text) === text) return text
  throw new ConfigurationError(
    `${variable}: must be a list of exact origins such as https://app.example.com or capacitor://localhost`,
  )
}
