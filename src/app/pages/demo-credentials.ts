import { BlockList } from 'node:net'
import type { FastifyRequest } from 'fastify'
import { Problem } from '../../kernel/problems/problems.js'
import type { Demo } from '../demo/index.js'

const LOOPBACK = new BlockList()
LOOPBACK.addSubnet('127.0.0.0', 8)
LOOPBACK.addAddress('::1', 'ipv6')
const LOOPBACK_NAMES: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '[::1]'])

/** What a proxy adds. Its clients are not on this machine. */
const FORWARDING = ['forwarded', 'via', 'x-forwarded-for', 'x-forwarded-host', 'x-real-ip']

/** What the API reference needs to sign in to the demo. */
export interface DemoCredentials {
  readonly email: string
  readonly password: string
  readonly tenant_id: string
  readonly tenant_key: string
}

/**
 * Returns the credentials of the demo to a page of this gateway in a browser on this machine. A process in production has no
 * such route.
 *
 * Only a client on this machine gets them, because others may reach the port. A page of another origin must not read them: it
 * would send another `Sec-Fetch-Site`, or, with a name that it lets resolve to this machine, another `Host`.
 *
 * @throws Problem `not_found` for every other request
 */
export function demoCredentials(request: FastifyRequest, demo: Demo | undefined, public_url: string): DemoCredentials {
  const { host = '', 'sec-fetch-site': site } = request.headers
  const name = host.replace(/:\d+$/, '').toLowerCase()
  const is_named = LOOPBACK_NAMES.has(name) || name === new URL(public_url).hostname
  const is_forwarded = FORWARDING.some((header) => request.headers[header] !== undefined)
  if (demo === undefined || !isLoopback(request.ip) || is_forwarded || !is_named || site !== 'same-origin') {
    throw new Problem('not_found')
  }
  const { AGENT_EMAIL, AGENT_PASSWORD, TENANT_ID, TENANT_API_KEY } = demo.variables
  return {
    email: String(AGENT_EMAIL),
    password: String(AGENT_PASSWORD),
    tenant_id: String(TENANT_ID),
    tenant_key: String(TENANT_API_KEY),
  }
}

function isLoopback(address: string): boolean {
  const plain = address.replace(/^::ffff:/, '')
  return LOOPBACK.check(plain, plain.includes(':') ? 'ipv6' : 'ipv4')
}
