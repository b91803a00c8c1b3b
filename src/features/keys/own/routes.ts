import type { FastifyRequest } from 'fastify'
import { tenantPrincipal } from '../../../kernel/authz/principal.js'
import { Problem } from '../../../kernel/problems/problems.js'
import { tenant } from '../../../kernel/request/access.js'
import { NoContent, problems, type Routes } from '../../../kernel/rest/schemas.js'
import { unreachable } from '../../../kernel/unreachable.js'
import type { KeysOptions } from '../routes.js'
import { CreatedKey, Key, Rotation, toResponse } from '../schema.js'

const tags = ['access']

/** The calling key: a script can read, rotate and revoke its own key without a user. */
const ownKey: Routes<KeysOptions> = async (app, { clock, key_use }) => {
  app.get(
    '',
    {
      config: tenant(),
      schema: {
        operationId: 'getOwnKey',
        summary: 'Get the calling key',
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
        summary: 'Revoke the calling key; its next request is refused',
        description: 'Only the current secret can revoke the key.',
        tags,
        response: { 204: NoContent, ...problems('key_required', 'superseded_secret') },
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
      // An old secret may have leaked, so it must not receive the new one from a stored response.
      config: { ...tenant(), refuse_replay: () => new Problem('superseded_secret') },
      schema: {
        operationId: 'rotateOwnKey',
        summary: 'Rotate the calling key; the response contains the new secret once',
        description:
          'Only the current secret can rotate the key. A repeated request gets no copy of the response, because its secret is no longer the current one.',
        tags,
        body: Rotation,
        response: {
          201: CreatedKey,
          ...problems('key_required', 'not_found', 'superseded_secret', 'rotation_in_progress'),
        },
      },
    },
    async (request, reply) => {
      const id = ownKeyId(request)
      const { record, key } = await request.tenant_store.write('tenant_key.rotated', (store) =>
        store.keys.rotate(id, request.body.overlap_seconds),
      )
      return reply
        .code(201)
        .header('location', '/v1/key')
        .send({ ...toResponse(record, clock()), key })
    },
  )
}
export default ownKey

/** @throws Problem `key_required` with a signed-in user, who manages keys under `/v1/tenants/{tenant_id}/keys` */
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
