import { member } from '../../../kernel/request/access.js'
import { NoContent, problems, type Routes } from '../../../kernel/rest/schemas.js'
import { MemberParams } from '../schema.js'
import { NewOverride, NewOverrideParams, Override, OverrideParams, Overrides } from './schema.js'

const tags = ['tenants']

/** Overrides: grants and denies of one scope on one membership. A deny beats roles, grants and Owner. */
const overrides: Routes = async (app) => {
  app.get(
    '',
    {
      config: member('users:manage'),
      schema: {
        operationId: 'listOverrides',
        summary: 'List overrides of a member',
        tags,
        params: MemberParams,
        response: { 200: Overrides, ...problems('not_found') },
      },
    },
    async (request) => {
      await request.tenant_store.read((store) => store.members.get(request.params.user_id))
      return { data: await request.tenant_store.read((store) => store.overrides.listOf(request.params.user_id)) }
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
