import type { FastifyRequest } from 'fastify'
import { tenantPrincipal } from '../../../kernel/authz/principal.js'
import { Problem } from '../../../kernel/problems/problems.js'
import { tenant } from '../../../kernel/request/access.js'
import { NoContent, problems, type Routes } from '../../../kernel/rest/schemas.js'
import { unreachable } from '../../../kernel/unreachable.js'
import type { KeysOptions } from '../routes.js'
import { CreatedKey, Key, Rotation, toResponse } from '../schema.js'

const tags = ['access']

/** What a key may do with itself: a script needs no user to look at its key, to rotate it, or to give it up. */
const ownKey: Routes<KeysOptions> = async (app, { clock, key_use }) => {
  app.get(
    '',
    {
      config: tenant(),
      schema: {
        operationId: 'getOwnKey',
        summary: 'The key that calls',
        tags,
        response: { 200: Key, ...problems('key_required') },
      },
    },
    async (request) => {
      const id = ownKeyId(request)
      await key_use.flush().catch(() => undefined)
      return toResponse(await request.tenant_store.read((store) => store.keys.get(id)), clock())
    },
  )

  app.delete(
    '',
    {
      config: tenant(),
      schema: {
        operationId: 'revokeOwnKey',
        summary: 'Revoke the key that calls; its next request is refused',
        tags,
        response: { 204: NoContent, ...problems('key_required') },
      },
    },
    async (request, reply) => {
      const id = ownKeyId(request)
      await request.tenant_store.write('tenant_key.revoked', (store) => store.keys.revoke(id))
      return reply.code(204).send(null)
    },
  )

  app.post(
    '/rotate',
    {
      config: tenant(),
      schema: {
        operationId: 'rotateOwnKey',
        summary: 'Give the key that calls a new secret; it is shown once',
        tags,
        body: Rotation,
        response: { 201: CreatedKey, ...problems('key_required', 'not_found', 'rotation_in_progress') },
      },
    },
    async (request, reply) => {
      const id = ownKeyId(request)
      const { record, key } = await request.tenant_store.write('tenant_key.rotated', (store) =>
        store.keys.rotate(id, request.body.overlap_seconds, request.holdings),
      )
      return reply.code(201).send({ ...toResponse(record, clock()), key })
    },
  )
}
export default ownKey

/** @throws Problem `key_required` when a user is signed in: users manage keys by their scopes, elsewhere. */
function ownKeyId(request: FastifyRequest): string {
  const principal = tenantPrincipal(request.principal)
  switch (principal.kind) {
    case 'key':
      return principal.id
    case 'user':
      throw new Problem('key_required')
    default:
      return unreachable(principal)
  }
}
