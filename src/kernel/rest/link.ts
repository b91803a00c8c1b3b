import type { FastifyReply } from 'fastify'

/** Adds a link to the Link header of the response (RFC 8288). The header can hold several links. */
export function addLink(reply: FastifyReply, target: string, relation: string): void {
  const before = reply.getHeader('link')
  const link = `<${target}>; rel="${relation}"`
  reply.header('link', before === undefined ? link : `${before}, ${link}`)
}
