import { member, user } from '../../kernel/request/access.js'
import { PageQuery, pageSchema, readPage, sendPage } from '../../kernel/rest/pagination.js'
import { closed, problems, type Routes, TenantParams } from '../../kernel/rest/schemas.js'
import { checkOrigins } from './origins.js'
import { CreatedTenant, NewTenant, shownTenant, Tenant } from './schema.js'

const tags = ['tenants']

/** My tenants, and a new one. */
const tenants: Routes = async (app) => {
  app.get(
    '',
    {
      config: user(),
      schema: {
        operationId: 'listTenants',
        summary: 'Tenants that I am a member of',
        tags,
        querystring: closed(PageQuery),
        response: { 200: pageSchema(Tenant), ...problems('invalid_cursor') },
      },
    },
    async (request, reply) => {
      const page = await request.platform_store.read((store) =>
        store.tenants.listOf(request.principal.id, readPage(request)),
      )
      return sendPage(request, reply, { ...page, rows: page.rows.map(shownTenant) }, (tenant) => tenant.id)
    },
  )

  app.post(
    '',
    {
      config: user(),
      schema: {
        operationId: 'createTenant',
        summary: 'Make a tenant and become its Owner',
        tags,
        body: NewTenant,
        response: { 201: CreatedTenant, ...problems('limit_reached') },
      },
    },
    async (request, reply) => {
      checkOrigins(request.body.allowed_origins)
      const owner_id = request.principal.id
      const { tenant, key } = await request.platform_store.write('tenant.created', async (store) => {
        await store.tenants.checkMayCreate(owner_id)
        return store.tenants.create({ ...request.body, owner_id }, { name: 'First key', scopes: [] })
      })
      return reply.code(201).send({ tenant: shownTenant(tenant), key: key as string })
    },
  )

  app.get(
    '/:tenant_id',
    {
      config: member(),
      schema: {
        operationId: 'getTenant',
        summary: 'A tenant of mine',
        tags,
        params: TenantParams,
        response: { 200: Tenant, ...problems('not_found') },
      },
    },
    async (request) => shownTenant(await request.tenant_store.read((store) => store.tenant.get())),
  )
}
export default tenants
