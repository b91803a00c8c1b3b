import type { FastifyReply, FastifyRequest } from 'fastify'
import type { ScopeCatalogue, ScopesNow } from '../../kernel/permissions/scope-catalogue.js'
import { Problem } from '../../kernel/problems/problems.js'
import { member } from '../../kernel/request/access.js'
import type { RouteCatalogue } from '../../kernel/request/route-catalogue.js'
import { etagOf, ifMatchVersions } from '../../kernel/rest/etag.js'
import { PageQuery, pageSchema, readPage, sendPage } from '../../kernel/rest/pagination.js'
import { NoContent, problems, type Routes, strictObject, TenantParams } from '../../kernel/rest/schemas.js'
import { effectsOf } from './dry-run.js'
import { checkRoleName } from './names.js'
import { DryRun, DryRunQuery, NewRole, Role, RoleChange, RoleOrDryRun, RoleParams, toResponse } from './schema.js'
import type { RolePreview, RoleRecord } from './store.js'

const tags = ['tenants']

export interface RolesOptions {
  readonly catalogue: RouteCatalogue
  readonly scopesNow: ScopesNow
}

/** The roles of a tenant: five system roles, and custom roles. Every member may read them. A change requires If-Match. */
const roles: Routes<RolesOptions> = async (app, { catalogue, scopesNow }) => {
  const dryRun = (preview: RolePreview) => ({
    dry_run: true as const,
    members: effectsOf(preview, catalogue, scopesNow()),
  })

  app.get(
    '',
    {
      config: member(),
      schema: {
        operationId: 'listRoles',
        summary: 'List roles of the tenant',
        tags,
        params: TenantParams,
        querystring: strictObject(PageQuery),
        response: { 200: pageSchema(Role), ...problems('invalid_cursor') },
      },
    },
    async (request, reply) => {
      const page = await request.tenant_store.read((store) => store.roles.list(readPage(request)))
      const scopes = scopesNow()
      const rows = page.rows.map((role) => toResponse(role, scopes))
      return sendPage(request, reply, { ...page, rows }, (role) => role.id)
    },
  )

  app.post(
    '',
    {
      config: member('users:manage'),
      schema: {
        operationId: 'createRole',
        summary: 'Create a custom role',
        tags,
        params: TenantParams,
        body: NewRole,
        response: { 201: Role, ...problems('privilege_escalation', 'already_exists', 'limit_reached') },
      },
    },
    async (request, reply) => {
      checkRoleName(request.body.name)
      const role = await request.tenant_store.write('role.created', (store) => store.roles.create(request.body))
      return reply
        .code(201)
        .headers({ etag: etagOf(role.version), location: `/v1/tenants/${request.tenant.id}/roles/${role.id}` })
        .send(toResponse(role, scopesNow()))
    },
  )

  app.get(
    '/:role_id',
    {
      config: member(),
      schema: {
        operationId: 'getRole',
        summary: 'Get a role, with the ETag that a change requires',
        tags,
        params: RoleParams,
        response: { 200: Role, ...problems('not_found') },
      },
    },
    async (request, reply) => {
      const role = await request.tenant_store.read((store) => store.roles.get(request.params.role_id))
      return tagged(reply, role, scopesNow())
    },
  )

  app.patch(
    '/:role_id',
    {
      config: member('users:manage'),
      schema: {
        operationId: 'updateRole',
        summary: 'Update a custom role, or preview the effect',
        tags,
        params: RoleParams,
        querystring: DryRunQuery,
        body: RoleChange,
        response: {
          200: RoleOrDryRun,
          ...problems(
            'not_found',
            'system_role',
            'precondition_failed',
            'precondition_required',
            'privilege_escalation',
            'already_exists',
          ),
        },
      },
    },
    async (request, reply) => {
      const { body, holdings, params, tenant_store } = request
      if (body.name !== undefined) checkRoleName(body.name)
      if (request.query.dry_run === 'true') {
        return dryRun(await tenant_store.read((store) => store.roles.previewUpdate(params.role_id, body, holdings)))
      }
      const if_match = requiredIfMatch(request)
      const role = await tenant_store.write('role.updated', (store) =>
        store.roles.update(params.role_id, body, if_match),
      )
      return tagged(reply, role, scopesNow())
    },
  )

  app.delete(
    '/:role_id',
    {
      config: member('users:manage'),
      schema: {
        operationId: 'deleteRole',
        summary: 'Delete a custom role and remove it from every member, or preview the effect',
        tags,
        params: RoleParams,
        querystring: DryRunQuery,
        response: {
          200: DryRun,
          204: NoContent,
          ...problems('not_found', 'system_role', 'precondition_failed', 'precondition_required'),
        },
      },
    },
    async (request, reply) => {
      const { role_id } = request.params
      if (request.query.dry_run === 'true') {
        return dryRun(await request.tenant_store.read((store) => store.roles.previewDeletion(role_id)))
      }
      const if_match = requiredIfMatch(request)
      await request.tenant_store.write('role.deleted', (store) => store.roles.delete(role_id, if_match))
      return reply.code(204).send(null)
    },
  )
}
export default roles

/** @throws Problem `precondition_required` without If-Match */
function requiredIfMatch(request: FastifyRequest): readonly number[] | undefined {
  if (request.headers['if-match'] === undefined) throw new Problem('precondition_required')
  return ifMatchVersions(request)
}

function tagged(reply: FastifyReply, role: RoleRecord, scopes: ScopeCatalogue): ReturnType<typeof toResponse> {
  reply.header('etag', etagOf(role.version))
  return toResponse(role, scopes)
}
