import { normaliseEmail } from '../../../kernel/credentials/email.js'
import { Problem } from '../../../kernel/problems/problems.js'
import { operator } from '../../../kernel/request/access.js'
import { PageQuery, pageSchema, readPage, sendPage } from '../../../kernel/rest/pagination.js'
import { problems, type Routes, strictObject } from '../../../kernel/rest/schemas.js'
import { searchIn } from '../../../kernel/rest/search.js'
import type { Clock } from '../../../kernel/time/clock.js'
import { Key, toResponse as toKeyResponse } from '../../keys/schema.js'
import { checkOrigins } from '../../tenants/origins.js'
import { checkFuture } from './future.js'
import {
  Lockdown,
  LockdownReason,
  NewPlatformTenant,
  PlanChange,
  PlatformTenant,
  Suspension,
  TenantIdParams,
  toResponse,
} from './schema.js'

const tags = ['platform']

/** Tenants, for operators. */
const platformTenants: Routes<{ readonly clock: Clock }> = async (app, { clock }) => {
  app.get(
    '',
    {
      config: operator('platform:tenants:view'),
      schema: {
        operationId: 'listPlatformTenants',
        summary: 'List tenants',
        tags,
        querystring: strictObject({ ...PageQuery, ...searchIn('name') }),
        response: { 200: pageSchema(PlatformTenant), ...problems('invalid_cursor') },
      },
    },
    async (request, reply) => {
      const page = await request.platform_store.read((store) =>
        store.platform_tenants.list({ ...readPage(request), search: request.query.search }),
      )
      return sendPage(request, reply, { ...page, rows: page.rows.map(toResponse) }, (tenant) => tenant.id)
    },
  )

  app.post(
    '',
    {
      config: operator('platform:tenants:manage'),
      schema: {
        operationId: 'createPlatformTenant',
        summary: 'Create a tenant for an existing user, who becomes its Owner by accepting',
        description:
          'The user gets a pending membership, and accepts it with POST /v1/me/memberships/{tenant_id}/accept.',
        tags,
        body: NewPlatformTenant,
        response: { 201: PlatformTenant, ...problems('not_found', 'email_unverified') },
      },
    },
    async (request, reply) => {
      const { owner_email, owner_id: given_id, ...input } = request.body
      checkOrigins(input.allowed_origins)
      if (input.trial_ends_at !== undefined) checkFuture(input.trial_ends_at, '/trial_ends_at', clock)
      const owner_id =
        given_id ?? (await request.platform_store.read((store) => store.users.idOf(normaliseEmail(owner_email ?? ''))))
      if (owner_id === undefined) throw new Problem('not_found', { detail: 'No user has this email.' })
      const tenant = await request.platform_store.write('tenant.created', (store) =>
        store.tenants.createFor({ ...input, owner_id }),
      )
      return reply.code(201).header('location', `/v1/platform/tenants/${tenant.id}`).send(toResponse(tenant))
    },
  )

  app.get(
    '/:id',
    {
      config: operator('platform:tenants:view'),
      schema: {
        operationId: 'getPlatformTenant',
        summary: 'Get a tenant',
        tags,
        params: TenantIdParams,
        response: { 200: PlatformTenant, ...problems('not_found') },
      },
    },
    async (request) =>
      toResponse(await request.platform_store.read((store) => store.platform_tenants.get(request.params.id))),
  )

  app.patch(
    '/:id',
    {
      config: operator('platform:tenants:manage'),
      schema: {
        operationId: 'changePlan',
        summary: 'Update the plan, the budget or the trial of a tenant',
        tags,
        params: TenantIdParams,
        body: PlanChange,
        response: { 200: PlatformTenant, ...problems('not_found') },
      },
    },
    async (request) =>
      toResponse(
        await request.platform_store.write('tenant.plan_changed', (store) =>
          store.platform_tenants.changePlan(request.params.id, request.body),
        ),
      ),
  )

  app.post(
    '/:id/suspend',
    {
      config: operator('platform:tenants:manage'),
      schema: {
        operationId: 'suspendTenant',
        summary: 'Suspend a tenant; its next request is refused',
        description: 'For a suspended tenant, it changes the reason and the end. The audit has both before and after.',
        tags,
        params: TenantIdParams,
        body: Suspension,
        response: { 200: PlatformTenant, ...problems('not_found') },
      },
    },
    async (request) => {
      const { reason, until } = request.body
      if (until !== undefined) checkFuture(until, '/until', clock)
      return toResponse(
        await request.platform_store.write('tenant.suspended', (store) =>
          store.platform_tenants.suspend(request.params.id, reason, until),
        ),
      )
    },
  )

  app.post(
    '/:id/activate',
    {
      config: operator('platform:tenants:manage'),
      schema: {
        operationId: 'activateTenant',
        summary: 'Activate a suspended tenant',
        tags,
        params: TenantIdParams,
        response: { 200: PlatformTenant, ...problems('not_found') },
      },
    },
    async (request) =>
      toResponse(
        await request.platform_store.write('tenant.activated', (store) =>
          store.platform_tenants.activate(request.params.id),
        ),
      ),
  )

  app.get(
    '/:id/keys',
    {
      config: operator('platform:tenants:view'),
      schema: {
        operationId: 'listPlatformKeys',
        summary: 'List keys of a tenant',
        tags,
        params: TenantIdParams,
        querystring: strictObject({ ...PageQuery, ...searchIn('name or id') }),
        response: { 200: pageSchema(Key), ...problems('not_found', 'invalid_cursor') },
      },
    },
    async (request, reply) => {
      const page = await request.platform_store.read((store) =>
        store.platform_tenants.keysOf(request.params.id, { ...readPage(request, 'key'), search: request.query.search }),
      )
      const rows = page.rows.map((record) => toKeyResponse(record, clock()))
      return sendPage(request, reply, { ...page, rows }, (key) => key.id)
    },
  )

  app.post(
    '/:id/lockdown',
    {
      config: operator('platform:tenants:manage'),
      schema: {
        operationId: 'lockDownTenant',
        summary: 'Lock down a tenant: revoke all its keys and invitations, and all sessions of its members',
        tags,
        params: TenantIdParams,
        body: LockdownReason,
        response: {
          200: Lockdown,
          ...problems('not_found'),
        },
      },
    },
    async (request) =>
      request.platform_store.write('tenant.locked_down', (store) =>
        store.platform_tenants.lockDown(request.params.id, request.body?.reason),
      ),
  )
}
export default platformTenants
