import ipaddr from 'ipaddr.js'

const IPV6_SUBNET_BITS = 64

/** Some proxies append the port to the address: `203.0.113.7:4711`, `[2001:db8::1]:4711`. */
const WITH_PORT = /^(?:(\d+\.\d+\.\d+\.\d+)|\[([^\]]+)\])(?::\d{1,5})?$/

/** Returns the canonical form of an address. An IPv4-mapped IPv6 address becomes IPv4. */
export function parseAddress(text: string): ipaddr.IPv4 | ipaddr.IPv6 | undefined {
  const [, v4, v6] = WITH_PORT.exec(text) ?? []
  const address = v4 ?? v6 ?? text
  return ipaddr.isValid(address) ? ipaddr.process(address) : undefined
}

/** Returns the key for counting an address: the IPv4 address, or the IPv6 /64, the smallest block that a provider assigns. */
export function addressBucket(text: string): string {
  const address = parseAddress(text)
  if (address === undefined) return 'unknown'
  if (address.kind() === 'ipv4') return address.toString()
  const network = ipaddr.IPv6.networkAddressFromCIDR(`${address.toString()}/${IPV6_SUBNET_BITS}`)
  return `${network.toString()}/${IPV6_SUBNET_BITS}`
}

/** Returns the network of an address, as a provider assigns it to one site: IPv4 /24, IPv6 /48. */
export function networkBucket(text: string): string {
  const address = parseAddress(text)
  if (address === undefined) return 'unknown'
  return address.kind() === 'ipv4'
    ? `${ipaddr.IPv4.networkAddressFromCIDR(`${address.toString()}/24`)}/24`
    : `${ipaddr.IPv6.networkAddressFromCIDR(`${address.toString()}/48`)}/48`
}

/** Checks whether an address is in one of the networks. Networks of the other family do not match. */
export function isInNetworks(text: string, networks: readonly string[]): boolean {
  const address = parseAddress(text)
  if (address === undefined) return false
  return networks.some((network) => {
    const [base, bits] = ipaddr.parseCIDR(network)
    return base.kind() === address.kind() && address.match(base as never, bits)
  })
}
