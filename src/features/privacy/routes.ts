import { Readable } from 'node:stream'
import { tenantPrincipal } from '../../kernel/authz/principal.js'
import { tenant } from '../../kernel/request/access.js'
import { asNdjson, begin, EXPORT_MS_MAX, nothing, RunningExports } from '../../kernel/rest/exports.js'
import { problems, type Routes } from '../../kernel/rest/schemas.js'
import { CustomerExport, EXPORT_TYPE, type ExportedObject, ExportParams } from './schema.js'

/** The export of one customer. */
const customerExport: Routes = async (app) => {
  const exports = new RunningExports()

  app.get(
    '',
    {
      // Reports are for moderators, and everything about a person at once is worth more than single conversations.
      config: { ...tenant('conversations:view', 'conversations:moderate'), handler_ms_max: EXPORT_MS_MAX },
      schema: {
        operationId: 'exportCustomer',
        summary: 'Export everything about a customer',
        description:
          'For a request of the person for their data. Conversations whose members the caller is not among are left out, and counted in the last line. Each export is recorded in the audit.',
        tags: ['customers'],
        params: ExportParams,
        response: { 200: CustomerExport, ...problems('not_found', 'too_many_connections') },
      },
    },
    async (request, reply) => {
      const { params, tenant_store } = request
      const principal = tenantPrincipal(request.principal)
      exports.enter(request, reply)
      const customer = await tenant_store.read((store) => store.customers.get(params.id))
      if (request.method !== 'HEAD') {
        await tenant_store.write('customer.exported', (store) => store.customers.recordExport(params.id))
      }
      const batches = await tenant_store.read((store) =>
        begin<ExportedObject[]>(request.method === 'HEAD' ? nothing() : store.customer_export.all(customer, principal)),
      )
      return reply
        .type(EXPORT_TYPE)
        .header('content-disposition', `attachment; filename="customer-${customer.id}.ndjson"`)
        .send(
          Readable.from(asNdjson(exports.whileAllowed(batches, reply)), { objectMode: false, highWaterMark: 65_536 }),
        )
    },
  )
}

export default customerExport
