import type { FastifyReply, FastifyRequest } from 'fastify'
import { type Static, Type } from 'typebox'
import { checkGrantedScopes } from '../../kernel/permissions/escalation.js'
import { scopesOfRole } from '../../kernel/permissions/roles.js'
import type { ScopeCatalogue, ScopesNow } from '../../kernel/permissions/scope-catalogue.js'
import { Problem } from '../../kernel/problems/problems.js'
import { member } from '../../kernel/request/access.js'
import type { RouteCatalogue } from '../../kernel/request/route-catalogue.js'
import { etagOf, ifMatchVersions } from '../../kernel/rest/etag.js'
import { closed, NoContent, problems, type Routes, ScopeName, TenantParams, Uuid } from '../../kernel/rest/schemas.js'
import { effectsOf } from './dry-run.js'
import { checkRoleName } from './names.js'
import type { RoleRecord } from './store.js'

const tags = ['tenants']
const RoleParams = closed({ ...TenantParams.properties, role_id: Uuid })
const RoleName = Type.String({ minLength: 1, maxLength: 60 })
const Scopes = Type.Array(ScopeName, { uniqueItems: true, maxItems: 200 })
const DryRunQuery = closed({
  dry_run: Type.Optional(
    Type.Enum(['true', 'false'], {
      description: 'true: return which members would gain and lose which scopes, and change nothing.',
    }),
  ),
})
/** The maximum number of members that a dry run examines. */
const HOLDERS_MAX = 1_000

const Role = Type.Object(
  {
    id: Type.String(),
    name: Type.String(),
    is_system: Type.Boolean(),
    scopes: Type.Array(Type.String()),
    version: Type.Integer(),
    created_at: Type.String(),
  },
  { $id: 'Role' },
)

const Effect = Type.Object({ scopes: Type.Array(Type.String()), routes: Type.Array(Type.String()) })
const DryRun = Type.Object(
  {
    dry_run: Type.Literal(true),
    members: Type.Array(Type.Object({ user_id: Type.String(), email: Type.String(), gains: Effect, loses: Effect }), {
      description: `The affected members among the ${HOLDERS_MAX} newest members with the role.`,
    }),
  },
  { $id: 'RoleDryRun' },
)

export interface RolesOptions {
  readonly catalogue: RouteCatalogue
  readonly scopesNow: ScopesNow
}

/** The roles of a tenant: five system roles, and custom roles. A change requires If-Match. */
const roles: Routes<RolesOptions> = async (app, { catalogue, scopesNow }) => {
  app.get(
    '',
    {
      config: member('users:manage'),
      schema: {
        operationId: 'listRoles',
        summary: 'List roles of the tenant',
        tags,
        params: TenantParams,
        response: { 200: Type.Object({ data: Type.Array(Role) }) },
      },
    },
    async (request) => {
      const rows = await request.tenant_store.read((store) => store.roles.list())
      const scopes = scopesNow()
      return { data: rows.map((role) => toResponse(role, scopes)) }
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
        body: closed({ name: RoleName, scopes: Scopes }),
        response: { 201: Role, ...problems('privilege_escalation', 'already_exists', 'limit_reached') },
      },
    },
    async (request, reply) => {
      checkRoleName(request.body.name)
      const role = await request.tenant_store.write('role.created', (store) =>
        store.roles.create(request.body, request.holdings),
      )
      return reply.code(201).header('etag', etagOf(role.version)).send(toResponse(role, scopesNow()))
    },
  )

  app.get(
    '/:role_id',
    {
      config: member('users:manage'),
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
        body: closed({ name: Type.Optional(RoleName), scopes: Type.Optional(Scopes) }, { minProperties: 1 }),
        response: {
          200: Type.Union([Role, DryRun]),
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
      const { role_id } = request.params
      if (request.body.name !== undefined) checkRoleName(request.body.name)
      if (request.query.dry_run === 'true') {
        const before = await changeable(request, role_id)
        const scopes = request.body.scopes ?? before.scopes
        checkGrantedScopes(
          request.holdings,
          scopes.filter((scope) => !before.scopes.includes(scope)),
        )
        return dryRun(request, role_id, { name: request.body.name ?? before.name, system_role: null, scopes })
      }
      const if_match = requiredIfMatch(request)
      const role = await request.tenant_store.write('role.updated', (store) =>
        store.roles.update(role_id, request.body, if_match, request.holdings),
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
        await changeable(request, role_id)
        return dryRun(request, role_id, undefined)
      }
      const if_match = requiredIfMatch(request)
      await request.tenant_store.write('role.deleted', (store) => store.roles.delete(role_id, if_match))
      return reply.code(204).send(null)
    },
  )

  async function dryRun(request: FastifyRequest, role_id: string, changed: Parameters<typeof effectsOf>[2]) {
    const holders = await request.tenant_store.read((store) => store.roles.holdersOf(role_id, HOLDERS_MAX))
    return { dry_run: true as const, members: effectsOf(holders, role_id, changed, catalogue, scopesNow()) }
  }
}
export default roles

async function changeable(request: FastifyRequest, role_id: string): Promise<RoleRecord> {
  const role = await request.tenant_store.read((store) => store.roles.get(role_id))
  if (role.system_role !== null) throw new Problem('system_role')
  return role
}

/** @throws Problem `precondition_required` without If-Match */
function requiredIfMatch(request: FastifyRequest): readonly number[] | undefined {
  if (request.headers['if-match'] === undefined) throw new Problem('precondition_required')
  return ifMatchVersions(request)
}

function tagged(reply: FastifyReply, role: RoleRecord, scopes: ScopeCatalogue): Static<typeof Role> {
  reply.header('etag', etagOf(role.version))
  return toResponse(role, scopes)
}

function toResponse(role: RoleRecord, scopes: ScopeCatalogue): Static<typeof Role> {
  const { id, name, system_role, version, created_at } = role
  return { id, name, is_system: system_role !== null, scopes: [...scopesOfRole(role, scopes)], version, created_at }
}
