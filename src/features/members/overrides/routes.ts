import { member, memberOrSelf } from '../../../kernel/request/access.js'
import { PageQuery, pageSchema, readPage, sendPage } from '../../../kernel/rest/pagination.js'
import { NoContent, problems, type Routes, strictObject } from '../../../kernel/rest/schemas.js'
import { MemberParams } from '../schema.js'
import { NewOverride, NewOverrideParams, Override, OverrideParams } from './schema.js'

const tags = ['tenants']

/** Overrides: grants and denies of one scope on one membership. A deny beats roles, grants and Owner. */
const overrides: Routes = async (app) => {
  app.get(
    '',
    {
      config: memberOrSelf('users:manage'),
      schema: {
        operationId: 'listOverrides',
        summary: 'List overrides of a member',
        description: 'Every member may list their own overrides, without users:manage.',
        tags,
        params: MemberParams,
        querystring: strictObject(PageQuery),
        response: { 200: pageSchema(Override), ...problems('not_found', 'invalid_cursor') },
      },
    },
    async (request, reply) => {
      const { user_id } = request.params
      const page = await request.tenant_store.read(async (store) => {
        await store.members.get(user_id)
        return store.overrides.listOf(user_id, readPage(request, 'scope'))
      })
      return sendPage(request, reply, page, (override) => override.scope)
    },
  )

  app.put(
    '/:scope',
    {
      config: member('users:manage'),
      schema: {
        operationId: 'setOverride',
        summary: 'Grant or deny a scope to a member',
        tags,
        params: NewOverrideParams,
        body: NewOverride,
        response: { 200: Override, ...problems('not_found', 'owner_required', 'privilege_escalation', 'last_owner') },
      },
    },
    async (request) => {
      const { user_id, scope } = request.params
      return request.tenant_store.write('override.set', (store) =>
        store.overrides.set(user_id, { scope, ...request.body }),
      )
    },
  )

  app.delete(
    '/:scope',
    {
      config: member('users:manage'),
      schema: {
        operationId: 'removeOverride',
        summary: 'Remove an override',
        tags,
        params: OverrideParams,
        response: { 204: NoContent, ...problems('not_found', 'owner_required', 'privilege_escalation') },
      },
    },
    async (request, reply) => {
      const { user_id, scope } = request.params
      await request.tenant_store.write('override.removed', (store) => store.overrides.remove(user_id, scope))
      return reply.code(204).send(null)
    },
  )
}
export default overrides
