import type { FastifyReply, FastifyRequest } from 'fastify'
import { ConcurrencyCounter } from '../../kernel/limits/concurrency.js'
import { Problem } from '../../kernel/problems/problems.js'
import { member } from '../../kernel/request/access.js'
import { pageSchema, readPage, sendPage } from '../../kernel/rest/pagination.js'
import { problems, type Routes, TenantParams } from '../../kernel/rest/schemas.js'
import { EXPORT_TYPES, exportStream } from './export.js'
import { AuditEvent, AuditQuery, ExportQuery, ExportResponse, filtersOf } from './schema.js'
import type { AuditRecord } from './store.js'

/** The batch size of an export. */
const EXPORT_BATCH = 500
/** The time for a million events to a slow client. */
const EXPORT_MS_MAX = 3_600_000
/** Exports at the same time. Each keeps the database and the process busy until the client has read all events. */
const EXPORTS_MAX = { user: 2, tenant: 4 }

/** The audit of a tenant, for its members. */
const tenantAudit: Routes = async (app) => {
  const exports = new ConcurrencyCounter()

  app.get(
    '',
    {
      config: member('audit:view'),
      schema: {
        operationId: 'listAuditEvents',
        summary: 'List audit events of the tenant, newest first',
        tags: ['tenants'],
        params: TenantParams,
        querystring: AuditQuery,
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
        response: { 200: ExportResponse, ...problems('too_many_connections') },
      },
    },
    async (request, reply) => {
      const { format = 'ndjson', ...given } = request.query
      enterExport(exports, request, reply)
      // The first batch is read before the first byte is sent, so that a failed database causes a 503.
      const batches = await request.tenant_store.read((store) =>
        begin(request.method === 'HEAD' ? nothing() : store.audit.all(filtersOf(given), EXPORT_BATCH)),
      )
      return reply
        .type(EXPORT_TYPES[format])
        .header('content-disposition', `attachment; filename="audit-events.${format}"`)
        .send(exportStream(whileAllowed(batches, reply), format))
    },
  )
}

export default tenantAudit

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

/**
 * Counts an export until its connection closes.
 * @throws Problem `too_many_connections` beyond the limit of the user or of the tenant
 */
function enterExport(exports: ConcurrencyCounter, { principal, tenant }: FastifyRequest, reply: FastifyReply): void {
  const of_user = `user ${principal.id}`
  const of_tenant = `tenant ${tenant.id}`
  if (!exports.enter(of_user, EXPORTS_MAX.user)) throw tooManyExports('user', EXPORTS_MAX.user)
  reply.raw.once('close', () => exports.leave(of_user))
  if (!exports.enter(of_tenant, EXPORTS_MAX.tenant)) throw tooManyExports('tenant', EXPORTS_MAX.tenant)
  reply.raw.once('close', () => exports.leave(of_tenant))
}

function tooManyExports(of: string, max: number): Problem {
  const detail = `This ${of} has ${max} exports under way. Wait until one of them ends.`
  return new Problem('too_many_connections', { detail, headers: { 'retry-after': '5' } })
}

/**
 * Passes batches on while the caller may still read them. After each batch other requests run, because a fast client would
 * otherwise keep the process busy with one export.
 */
async function* whileAllowed<T>(batches: AsyncIterable<T>, reply: FastifyReply): AsyncGenerator<T> {
  for await (const batch of batches) {
    yield batch
    await new Promise((resolve) => setImmediate(resolve))
    await reply.checkAccess()
  }
}
