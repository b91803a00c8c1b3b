import { Problem } from '../../kernel/problems/problems.js'
import { member, user } from '../../kernel/request/access.js'
import { PageQuery, pageSchema, readPage, sendPage } from '../../kernel/rest/pagination.js'
import { NoContent, problems, type Routes, strictObject, TenantParams } from '../../kernel/rest/schemas.js'
import { searchIn } from '../../kernel/rest/search.js'
import { checkOrigins } from './origins.js'
import { CreatedTenant, NewTenant, Tenant, TenantChange, toResponse } from './schema.js'

const tags = ['tenants']

export interface TenantsOptions {
  /** Whether users create tenants themselves. */
  readonly allow_tenants: boolean
}

/** The tenants of the calling user. */
const tenants: Routes<TenantsOptions> = async (app, { allow_tenants }) => {
  app.get(
    '',
    {
      config: user(),
      schema: {
        operationId: 'listTenants',
        summary: 'List my tenants',
        tags,
        querystring: strictObject({ ...PageQuery, ...searchIn('name') }),
        response: { 200: pageSchema(Tenant), ...problems('invalid_cursor') },
      },
    },
    async (request, reply) => {
      const page = await request.platform_store.read((store) =>
        store.tenants.listOf(request.principal.id, { ...readPage(request), search: request.query.search }),
      )
      return sendPage(request, reply, { ...page, rows: page.rows.map(toResponse) }, (tenant) => tenant.id)
    },
  )

  app.post(
    '',
    {
      config: user(),
      schema: {
        operationId: 'createTenant',
        summary: 'Create a tenant and become its Owner',
        description: 'The user needs a verified email. With ALLOW_TENANTS=false only operators create tenants.',
        tags,
        body: NewTenant,
        response: { 201: CreatedTenant, ...problems('limit_reached', 'email_unverified', 'tenant_creation_disabled') },
      },
    },
    async (request, reply) => {
      if (!allow_tenants) throw new Problem('tenant_creation_disabled')
      checkOrigins(request.body.allowed_origins)
      const owner_id = request.principal.id
      const { tenant, key } = await request.platform_store.write('tenant.created', async (store) => {
        await store.tenants.checkMayCreate(owner_id)
        return store.tenants.create({ ...request.body, owner_id }, { name: 'First key', scopes: [] })
      })
      return reply
        .code(201)
        .header('location', `/v1/tenants/${tenant.id}`)
        .send({ tenant: toResponse(tenant), key: key as string })
    },
  )

  app.get(
    '/:tenant_id',
    {
      config: member(),
      schema: {
        operationId: 'getTenant',
        summary: 'Get one of my tenants',
        tags,
        params: TenantParams,
        response: { 200: Tenant, ...problems('not_found') },
      },
    },
    async (request) => toResponse(await request.tenant_store.read((store) => store.tenant.get())),
  )

  app.patch(
    '/:tenant_id',
    {
      config: member('settings:manage'),
      schema: {
        operationId: 'updateTenant',
        summary: 'Update the settings of a tenant',
        tags,
        params: TenantParams,
        body: TenantChange,
        response: { 200: Tenant, ...problems('not_found') },
      },
    },
    async (request) => {
      checkOrigins(request.body.allowed_origins)
      return toResponse(
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
        description: 'From the next request on, its keys and memberships stop working.',
        tags,
        params: TenantParams,
        response: { 204: NoContent, ...problems('owner_required', 'not_found') },
      },
    },
    async (request, reply) => {
      await request.tenant_store.write('tenant.deleted', (store) => store.tenant.delete())
      return reply.code(204).send(null)
    },
  )
}
export default tenants
