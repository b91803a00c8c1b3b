import { Type } from 'typebox'
import { member } from '../../../kernel/request/access.js'
import {
  closed,
  NoContent,
  problems,
  type Routes,
  ScopeName,
  TenantParams,
  Uuid,
} from '../../../kernel/rest/schemas.js'

const tags = ['tenants']
const Params = closed({ ...TenantParams.properties, user_id: Uuid, scope: Type.String() })

const Override = Type.Object(
  {
    scope: Type.String(),
    effect: Type.Enum(['grant', 'deny']),
    reason: Type.String(),
    created_at: Type.String(),
  },
  { $id: 'Override' },
)

const NewOverride = closed({
  effect: Type.Enum(['grant', 'deny']),
  reason: Type.String({ minLength: 1, maxLength: 500, description: 'Why the override exists, for later readers.' }),
})

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
        params: closed({ ...TenantParams.properties, user_id: Uuid }),
        response: { 200: Type.Object({ data: Type.Array(Override) }), ...problems('not_found') },
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
        params: closed({ ...TenantParams.properties, user_id: Uuid, scope: ScopeName }),
        body: NewOverride,
        response: { 200: Override, ...problems('not_found', 'owner_required', 'privilege_escalation', 'last_owner') },
      },
    },
    async (request) => {
      const { user_id, scope } = request.params
      return request.tenant_store.write('override.set', (store) =>
        store.overrides.set(user_id, { scope, ...request.body }, request.holdings),
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
        params: Params,
        response: { 204: NoContent, ...problems('not_found', 'owner_required', 'privilege_escalation') },
      },
    },
    async (request, reply) => {
      const { user_id, scope } = request.params
      await request.tenant_store.write('override.removed', (store) =>
        store.overrides.remove(user_id, scope, request.holdings),
      )
      return reply.code(204).send(null)
    },
  )
}
export default overrides
