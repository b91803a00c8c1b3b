import { Type } from 'typebox'
import { isOwner } from '../../kernel/permissions/escalation.js'
import { Problem } from '../../kernel/problems/problems.js'
import { member } from '../../kernel/request/access.js'
import { closed, Name, NoContent, Origin, problems, type Routes, TenantParams } from '../../kernel/rest/schemas.js'
import { checkOrigins } from './origins.js'
import { shownTenant, Tenant } from './schema.js'

const tags = ['tenants']

const Settings = closed(
  {
    name: Type.Optional(Name),
    allowed_origins: Type.Optional(Type.Array(Origin, { maxItems: 50, uniqueItems: true })),
  },
  { minProperties: 1 },
)

/** The settings of a tenant, and its end. */
const settings: Routes = async (app) => {
  app.patch(
    '/:tenant_id',
    {
      config: member('settings:manage'),
      schema: {
        operationId: 'updateTenant',
        summary: 'Change the settings of a tenant',
        tags,
        params: TenantParams,
        body: Settings,
        response: { 200: Tenant, ...problems('not_found') },
      },
    },
    async (request) => {
      checkOrigins(request.body.allowed_origins)
      return shownTenant(
        await request.tenant_store.write('tenant.updated', (store) => store.tenant.update(request.body)),
      )
    },
  )

  app.delete(
    '/:tenant_id',
    {
      config: member(),
      schema: {
        operationId: 'deleteTenant',
        summary: 'Delete a tenant; only an Owner may',
        description: 'Every key and membership of it stops working with the next request.',
        tags,
        params: TenantParams,
        response: { 204: NoContent, ...problems('owner_required', 'not_found') },
      },
    },
    async (request, reply) => {
      const { holdings } = request
      if (holdings.kind !== 'user' || !isOwner(holdings.roles)) {
        throw new Problem('owner_required', { detail: 'Only an Owner can delete the tenant.' })
      }
      await request.tenant_store.write('tenant.deleted', (store) => store.tenant.delete())
      return reply.code(204).send(null)
    },
  )
}
export default settings
