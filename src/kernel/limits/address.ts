import ipaddr from 'ipaddr.js'

const IPV6_SUBNET_BITS = 64

/** Some proxies write the port behind the address: `203.0.113.7:4711`, `[2001:db8::1]:4711`. */
const WITH_PORT = /^(?:(\d+\.\d+\.\d+\.\d+)|\[([^\]]+)\])(?::\d{1,5})?$/

/** The address in one spelling: an IPv4 address that came in over IPv6 is the IPv4 address. */
export function parseAddress(text: string): ipaddr.IPv4 | ipaddr.IPv6 | undefined {
  const [, v4, v6] = WITH_PORT.exec(text) ?? []
  const address = v4 ?? v6 ?? text
  return ipaddr.isValid(address) ? ipaddr.process(address) : undefined
}

/** What an address is counted by: IPv4 whole, IPv6 by /64, which is what one customer of a provider has at least. */
export function addressBucket(text: string): string {
  const address = parseAddress(text)
  if (address === undefined) return 'unknown'
  if (address.kind() === 'ipv4') return address.toString()
  const network = ipaddr.IPv6.networkAddressFromCIDR(`${address.toString()}/${IPV6_SUBNET_BITS}`)
  return `${network.toString()}/${IPV6_SUBNET_BITS}`
}

/** The network around an address, as a provider hands it to one site: IPv4 by /24, IPv6 by /48. */
export function networkBucket(text: string): string {
  const address = parseAddress(text)
  if (address === undefined) return 'unknown'
  return address.kind() === 'ipv4'
    ? `${ipaddr.IPv4.networkAddressFromCIDR(`${address.toString()}/24`)}/24`
    : `${ipaddr.IPv6.networkAddressFromCIDR(`${address.toString()}/48`)}/48`
}

/** Whether an address lies in one of the networks; networks of the other family never match. */
export function isInNetworks(text: string, networks: readonly string[]): boolean {
  const address = parseAddress(text)
  if (address === undefined) return false
  return networks.some((network) => {
    const [base, bits] = ipaddr.parseCIDR(network)
    return base.kind() === address.kind() && address.match(base as never, bits)
  })
}
