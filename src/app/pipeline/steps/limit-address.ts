import type { FastifyRequest } from 'fastify'
import type { ProblemCode } from '../../../contract/problems/catalogue.js'
import { addressBucket } from '../../../kernel/limits/address.js'
import { announce, rateLimited, spend } from '../../../kernel/limits/limiter.js'
import { Problem } from '../../../kernel/problems/problems.js'
import type { Gate, Step } from '../../../kernel/request/gate.js'

/** The wall: before anything costs CPU, and before a guess is looked at. */
export const limitAddress: Step = async ({ limiter }, request, reply) => {
  const bucket = addressBucket(request.ip)
  await spend(limiter, reply, 'address', bucket)
  const refused = await limiter.look('refused', bucket)
  if (refused.remaining === 0) {
    announce(reply, 'refused', refused)
    throw rateLimited('refused', refused.reset_seconds)
  }
}

/** Refuses credentials, and counts the refusal against the address that sent them. */
export async function refuseCredentials({ limiter }: Gate, request: FastifyRequest, code: ProblemCode): Promise<never> {
  await limiter.count('refused', addressBucket(request.ip))
  throw new Problem(code)
}
