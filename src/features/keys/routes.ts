import type { KeyUseRecorder } from '../../kernel/credentials/key-use.js'
import { member } from '../../kernel/request/access.js'
import { PageQuery, pageSchema, readPage, sendPage } from '../../kernel/rest/pagination.js'
import { NoContent, problems, type Routes, strictObject, TenantParams } from '../../kernel/rest/schemas.js'
import { searchIn } from '../../kernel/rest/search.js'
import type { Clock } from '../../kernel/time/clock.js'
import { checkedKey } from './checks.js'
import { CreatedKey, Key, KeyChange, KeyParams, NewKey, Rotation, toResponse } from './schema.js'

const tags = ['tenants']

export interface KeysOptions {
  readonly clock: Clock
  readonly key_use: KeyUseRecorder
}

/** The keys of a tenant, for its members. */
const keys: Routes<KeysOptions> = async (app, { clock, key_use }) => {
  app.get(
    '',
    {
      config: member('keys:manage'),
      schema: {
        operationId: 'listKeys',
        summary: 'List keys of the tenant, including revoked ones',
        tags,
        params: TenantParams,
        querystring: strictObject({ ...PageQuery, ...searchIn('name or id') }),
        response: { 200: pageSchema(Key), ...problems('invalid_cursor') },
      },
    },
    async (request, reply) => {
      const page = await request.tenant_store.read((store) =>
        store.keys.list({ ...readPage(request, 'key'), search: request.query.search }),
      )
      const rows = page.rows.map((record) => toResponse(record, clock()))
      return sendPage(request, reply, { ...page, rows }, (key) => key.id)
    },
  )

  app.post(
    '',
    {
      config: member('keys:manage'),
      schema: {
        operationId: 'createKey',
        summary: 'Create a key; the response contains it once',
        tags,
        params: TenantParams,
        body: NewKey,
        response: { 201: CreatedKey, ...problems('privilege_escalation', 'limit_reached') },
      },
    },
    async (request, reply) => {
      const input = checkedKey(request.body, clock())
      const scopes = input.scopes ?? []
      const { record, key } = await request.tenant_store.write('tenant_key.created', (store) =>
        store.keys.create({ ...input, scopes }),
      )
      return reply
        .code(201)
        .header('location', `/v1/tenants/${request.tenant.id}/keys/${record.id}`)
        .send({ ...toResponse(record, clock()), key })
    },
  )

  app.delete(
    '/:key_id',
    {
      config: member('keys:manage'),
      schema: {
        operationId: 'revokeKey',
        summary: 'Revoke a key; its next request is refused',
        tags,
        params: KeyParams,
        response: { 204: NoContent, ...problems('not_found') },
      },
    },
    async (request, reply) => {
      await request.tenant_store.write('tenant_key.revoked', (store) => store.keys.revoke(request.params.key_id))
      return reply.code(204).send(null)
    },
  )

  app.get(
    '/:key_id',
    {
      config: member('keys:manage'),
      schema: {
        operationId: 'getKey',
        summary: 'Get a key, with the use of its secrets',
        tags,
        params: KeyParams,
        response: { 200: Key, ...problems('not_found') },
      },
    },
    async (request) => {
      // Writes the counted uses first, so that `safe_to_retire` is not a minute old.
      await key_use.flush().catch(() => undefined)
      return toResponse(await request.tenant_store.read((store) => store.keys.get(request.params.key_id)), clock())
    },
  )

  app.patch(
    '/:key_id',
    {
      config: member('keys:manage'),
      schema: {
        operationId: 'updateKey',
        summary: 'Update, disable or enable a key; it applies from its next request',
        description:
          'A change that widens the key needs its scopes: enabling it, removing or extending a limit of time, networks or requests. An expired key gets a new expires_at only together with disabled: false.',
        tags,
        params: KeyParams,
        body: KeyChange,
        response: { 200: Key, ...problems('not_found', 'privilege_escalation', 'invalid_state') },
      },
    },
    async (request) => {
      const change = checkedKey(request.body, clock())
      const record = await request.tenant_store.write('tenant_key.updated', (store) =>
        store.keys.update(request.params.key_id, change),
      )
      return toResponse(record, clock())
    },
  )

  app.post(
    '/:key_id/rotate',
    {
      config: member('keys:manage'),
      schema: {
        operationId: 'rotateKey',
        summary: 'Rotate a key; the response contains the new secret once',
        description: 'Until the old secret ends, responses to requests with it carry Deprecation and Sunset.',
        tags,
        params: KeyParams,
        body: Rotation,
        response: { 201: CreatedKey, ...problems('not_found', 'privilege_escalation', 'rotation_in_progress') },
      },
    },
    async (request, reply) => {
      const { record, key } = await request.tenant_store.write('tenant_key.rotated', (store) =>
        store.keys.rotate(request.params.key_id, request.body.overlap_seconds),
      )
      return reply
        .code(201)
        .header('location', `/v1/tenants/${request.tenant.id}/keys/${record.id}`)
        .send({ ...toResponse(record, clock()), key })
    },
  )
}
export default keys
