import type { FastifyRequest } from 'fastify'
import type { Claims } from '../../../kernel/authz/facts.js'
import type { Gate } from '../../../kernel/request/gate.js'

/** Reads the facts that claims name, for the rules. @returns a promise only if the facts are not in memory */
export function learnFacts(gate: Gate, { findings }: FastifyRequest, claims: Claims): undefined | Promise<undefined> {
  findings.claims = claims
  const facts = gate.facts.read(claims)
  if (facts instanceof Promise) {
    return facts.then((read) => {
      findings.facts = read
      return undefined
    })
  }
  findings.facts = facts
  return undefined
}
