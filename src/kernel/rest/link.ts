import type { FastifyReply } from 'fastify'

/** Adds a link to the answer (RFC 8288); an answer may have several, in one header. */
export function addLink(reply: FastifyReply, target: string, relation: string): void {
  const before = reply.getHeader('link')
  const link = `<${target}>; rel="${relation}"`
  reply.header('link', before === undefined ? link : `${before}, ${link}`)
}
