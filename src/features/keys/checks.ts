import ipaddr from 'ipaddr.js'
import { assertValid, type FieldError } from '../../kernel/problems/validation.js'

/** The latest expiry of a key. A key that should work longer has no expiry. */
const EXPIRY_YEARS_MAX = 10
const YEAR_MS = 366 * 86_400_000

interface CheckedFields {
  readonly expires_at?: string | null
  readonly allowed_cidrs?: readonly string[] | null
}

/**
 * Checks what a schema cannot check of a new or changed key. Returns instants and networks in their canonical form. A null
 * removes a limit.
 *
 * @throws Problem `validation_failed`
 */
export function checkedKey<T extends CheckedFields>(input: T, now_ms: number): T {
  const errors: FieldError[] = []
  if (typeof input.expires_at === 'string') {
    const expires_ms = Date.parse(input.expires_at)
    if (!(expires_ms > now_ms)) errors.push({ pointer: '/expires_at', message: 'must be in the future' })
    else if (expires_ms > now_ms + EXPIRY_YEARS_MAX * YEAR_MS) {
      errors.push({
        pointer: '/expires_at',
        message: `must be within ${EXPIRY_YEARS_MAX} years; omit it for a key without expiry`,
      })
    }
  }
  const allowed_cidrs = input.allowed_cidrs?.map((text, position) => {
    const network = canonicalNetwork(text)
    if (network === undefined)
      errors.push({
        pointer: `/allowed_cidrs/${position}`,
        message: 'must be a network such as 203.0.113.0/24 or 2001:db8::/32',
      })
    return network ?? text
  })
  assertValid(errors)
  return {
    ...input,
    ...(typeof input.expires_at === 'string' && { expires_at: new Date(input.expires_at).toISOString() }),
    ...(allowed_cidrs != null && { allowed_cidrs }),
  }
}

/** No zone, which a parser would drop, and no leading zero in the prefix length, which some parsers read as octal. */
const PLAIN_NETWORK = /^[0-9A-Fa-f.:]+\/(0|[1-9][0-9]{0,2})$/

/** Returns `address/bits` with cleared host bits. An IPv4-mapped IPv6 network becomes IPv4. Undefined for other text. */
export function canonicalNetwork(text: string): string | undefined {
  if (!PLAIN_NETWORK.test(text) || !ipaddr.isValidCIDR(text)) return undefined
  const [address, bits] = ipaddr.parseCIDR(text)
  if (address.kind() === 'ipv4') {
    // ipaddr.js also accepts 10.1/8 and 0x0a.0.0.0/8. All parsers agree only on four decimal parts.
    if (!ipaddr.IPv4.isValidFourPartDecimal(text.split('/')[0] as string)) return undefined
    return `${ipaddr.IPv4.networkAddressFromCIDR(`${address}/${bits}`)}/${bits}`
  }
  const v6 = address as ipaddr.IPv6
  if (v6.isIPv4MappedAddress() && bits >= 96) {
    return `${ipaddr.IPv4.networkAddressFromCIDR(`${v6.toIPv4Address()}/${bits - 96}`)}/${bits - 96}`
  }
  return `${ipaddr.IPv6.networkAddressFromCIDR(`${v6}/${bits}`)}/${bits}`
}
