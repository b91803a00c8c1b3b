import { Type } from 'typebox'
import { operator } from '../../../kernel/request/access.js'
import { PageQuery, pageSchema, readPage, sendPage } from '../../../kernel/rest/pagination.js'
import { closed, Instant, Name, Nullable, problems, type Routes, Uuid } from '../../../kernel/rest/schemas.js'
import type { Clock } from '../../../kernel/time/clock.js'
import { Key, shownKey } from '../../keys/shown.js'
import { PlatformTenant, shownPlatformTenant } from '../schema.js'

const tags = ['platform']
const Params = closed({ id: Uuid })

const PlanChange = closed(
  {
    plan: Type.Optional(Name),
    requests_per_minute: Type.Optional(Nullable(Type.Integer({ minimum: 1, maximum: 10_000_000 }))),
    trial_ends_at: Type.Optional(Nullable(Instant)),
  },
  { minProperties: 1 },
)

/** Plan, keys and lockdown of a tenant. */
const tenantControl: Routes<{ readonly clock: Clock }> = async (app, { clock }) => {
  app.patch(
    '/:id',
    {
      config: operator('platform:tenants:manage'),
      schema: {
        operationId: 'changePlan',
        summary: 'Change plan, budget or trial of a tenant',
        tags,
        params: Params,
        body: PlanChange,
        response: { 200: PlatformTenant, ...problems('not_found') },
      },
    },
    async (request) =>
      shownPlatformTenant(
        await request.platform_store.write('tenant.plan_changed', (store) =>
          store.tenant_control.changePlan(request.params.id, request.body),
        ),
      ),
  )

  app.get(
    '/:id/keys',
    {
      config: operator('platform:tenants:view'),
      schema: {
        operationId: 'listPlatformKeys',
        summary: 'Keys of a tenant',
        tags,
        params: Params,
        querystring: closed(PageQuery),
        response: { 200: pageSchema(Key), ...problems('not_found', 'invalid_cursor') },
      },
    },
    async (request, reply) => {
      const page = await request.platform_store.read((store) =>
        store.tenants.keysOf(request.params.id, readPage(request, 'key')),
      )
      const rows = page.rows.map((record) => shownKey(record, clock()))
      return sendPage(request, reply, { ...page, rows }, (key) => key.id)
    },
  )

  app.post(
    '/:id/lockdown',
    {
      config: operator('platform:tenants:manage'),
      schema: {
        operationId: 'lockDownTenant',
        summary: 'End every key of a tenant and every session of its members in one step',
        tags,
        params: Params,
        response: {
          200: Type.Object({ keys_revoked: Type.Integer(), sessions_ended: Type.Integer() }),
          ...problems('not_found'),
        },
      },
    },
    async (request) =>
      request.platform_store.write('tenant.locked_down', (store) => store.tenant_control.lockDown(request.params.id)),
  )
}
export default tenantControl
