import { Type } from 'typebox'
import { checkGrantedScopes } from '../../kernel/permissions/escalation.js'
import { member } from '../../kernel/request/access.js'
import { PageQuery, pageSchema, readPage, sendPage } from '../../kernel/rest/pagination.js'
import { closed, NoContent, problems, type Routes, TenantParams } from '../../kernel/rest/schemas.js'
import type { Clock } from '../../kernel/time/clock.js'
import { checkedKey } from './checks.js'
import { NewKey } from './schema.js'
import { CreatedKey, Key, shownKey } from './shown.js'

const tags = ['tenants']
const KeyParams = closed({ ...TenantParams.properties, key_id: Type.String({ pattern: '^[0-9A-Za-z]{12}$' }) })

/** The keys of a tenant, managed by its members. */
const keys: Routes<{ readonly clock: Clock }> = async (app, { clock }) => {
  app.get(
    '',
    {
      config: member('keys:manage'),
      schema: {
        operationId: 'listKeys',
        summary: 'Keys of the tenant, revoked ones too',
        tags,
        params: TenantParams,
        querystring: closed(PageQuery),
        response: { 200: pageSchema(Key), ...problems('invalid_cursor') },
      },
    },
    async (request, reply) => {
      const page = await request.tenant_store.read((store) => store.keys.list(readPage(request, 'key')))
      const rows = page.rows.map((record) => shownKey(record, clock()))
      return sendPage(request, reply, { ...page, rows }, (key) => key.id)
    },
  )

  app.post(
    '',
    {
      config: member('keys:manage'),
      schema: {
        operationId: 'createKey',
        summary: 'Make a key; it is shown once',
        tags,
        params: TenantParams,
        body: NewKey,
        response: { 201: CreatedKey, ...problems('privilege_escalation', 'limit_reached') },
      },
    },
    async (request, reply) => {
      const wish = checkedKey(request.body, clock())
      const scopes = wish.scopes ?? []
      // A key acts on its own, so whoever makes it must hold what it is given.
      checkGrantedScopes(request.holdings, scopes)
      const { record, key } = await request.tenant_store.write('tenant_key.created', (store) =>
        store.keys.create({ ...wish, scopes }),
      )
      return reply.code(201).send({ ...shownKey(record, clock()), key })
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
}
export default keys
