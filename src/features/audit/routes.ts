import { Type } from 'typebox'
import { member, operator } from '../../kernel/request/access.js'
import { PageQuery, pageSchema, readPage, sendPage } from '../../kernel/rest/pagination.js'
import { closed, Instant, Nullable, problems, type Routes, TenantParams } from '../../kernel/rest/schemas.js'
import { ACTIONS } from '../../kernel/store/actions.js'
import { EXPORT_TYPES, exportStream } from './export.js'
import type { AuditFilters, AuditRecord } from './store.js'

/** The batch size of an export. */
const EXPORT_BATCH = 500
/** The time for a million events to a slow client. */
const EXPORT_MS_MAX = 3_600_000

const filters = {
  action: Type.Optional(Type.Enum(Object.keys(ACTIONS) as (keyof typeof ACTIONS)[])),
  actor_id: Type.Optional(Type.String({ minLength: 1, maxLength: 64 })),
  target_id: Type.Optional(Type.String({ minLength: 1, maxLength: 128 })),
  from: Type.Optional(Instant),
  to: Type.Optional(Instant),
}
const ListQuery = closed({ ...filters, ...PageQuery })
const ExportQuery = closed({
  ...filters,
  format: Type.Optional(Type.Enum(['ndjson', 'csv'], { description: 'The default is ndjson.' })),
})

const AuditEvent = Type.Object(
  {
    id: Type.String(),
    tenant_id: Nullable(Type.String()),
    action: Type.String(),
    actor_kind: Type.String(),
    actor_id: Nullable(Type.String()),
    target_kind: Type.String(),
    target_id: Nullable(Type.String()),
    changes: Type.Unsafe<Record<string, unknown>>(Type.Object({}, { additionalProperties: true })),
    address: Nullable(Type.String()),
    user_agent: Nullable(Type.String()),
    request_id: Nullable(Type.String()),
    created_at: Type.String(),
    chain_seq: Type.Integer({ description: 'The position in the chain of the tenant.' }),
    hash: Type.String({ description: 'Hex. The hash of the previous hash and this event.' }),
  },
  { $id: 'AuditEvent' },
)

const exportResponse = {
  description: 'One event per line, newest first. If the export fails, the gateway breaks the connection.',
  content: Object.fromEntries(
    Object.values(EXPORT_TYPES).map((type) => [type.split(';')[0], { schema: Type.String() }]),
  ),
}

/** The audit of a tenant, for its members. */
export const tenantAudit: Routes = async (app) => {
  app.get(
    '',
    {
      config: member('audit:view'),
      schema: {
        operationId: 'listAuditEvents',
        summary: 'List audit events of the tenant, newest first',
        tags: ['tenants'],
        params: TenantParams,
        querystring: ListQuery,
        response: { 200: pageSchema(AuditEvent), ...problems('invalid_cursor') },
      },
    },
    async (request, reply) => {
      const page = await request.tenant_store.read((store) =>
        store.audit.list(filtersOf(request.query), readPage(request, 'position')),
      )
      return sendPage(request, reply, page, (event) => event.position)
    },
  )

  app.get(
    '/export',
    {
      config: { ...member('audit:view'), handler_ms_max: EXPORT_MS_MAX },
      schema: {
        operationId: 'exportAuditEvents',
        summary: 'Export every audit event of the tenant',
        tags: ['tenants'],
        params: TenantParams,
        querystring: ExportQuery,
        response: { 200: exportResponse },
      },
    },
    async (request, reply) => {
      const { format = 'ndjson', ...given } = request.query
      // The first batch is read before the first byte is sent, so that a failed database causes a 503.
      const batches = await request.tenant_store.read((store) =>
        begin(request.method === 'HEAD' ? nothing() : store.audit.all(filtersOf(given), EXPORT_BATCH)),
      )
      return reply
        .type(EXPORT_TYPES[format])
        .header('content-disposition', `attachment; filename="audit-events.${format}"`)
        .send(exportStream(batches, format))
    },
  )
}

/** The audit of every tenant and of the platform, for operators. */
export const platformAudit: Routes = async (app) => {
  app.get(
    '',
    {
      config: operator('platform:audit:view'),
      schema: {
        operationId: 'listPlatformAuditEvents',
        summary: 'List audit events of every tenant and of the platform, newest first',
        tags: ['platform'],
        querystring: ListQuery,
        response: { 200: pageSchema(AuditEvent), ...problems('invalid_cursor') },
      },
    },
    async (request, reply) => {
      const page = await request.platform_store.read((store) =>
        store.audit.list(filtersOf(request.query), readPage(request, 'position')),
      )
      return sendPage(request, reply, page, (event) => event.position)
    },
  )
}

function filtersOf({ action, actor_id, target_id, from, to }: AuditFilters): AuditFilters {
  return { action, actor_id, target_id, from, to }
}

/** Answers a HEAD request like its GET, without reading the events. */
async function* nothing(): AsyncGenerator<AuditRecord[]> {}

/** Reads the first batch now, so that its failure is thrown here. The client pulls the other batches. */
async function begin<T>(batches: AsyncGenerator<T>): Promise<AsyncGenerator<T>> {
  const first = await batches.next()
  return (async function* () {
    if (first.done === true) return
    yield first.value
    yield* batches
  })()
}
