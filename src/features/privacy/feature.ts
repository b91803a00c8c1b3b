import type { Feature } from '../../kernel/feature/feature.js'
import { mount } from '../../kernel/feature/mount.js'
import { CustomerExportReader } from './export-store.js'
import { RetentionReader, RetentionWriter } from './retention-store.js'
import customerExport from './routes.js'
import { CustomerTextsReader, CustomerTextsWriter } from './texts-store.js'

/** What concerns the data of a person in several features: the export and the erasure of a customer, and the retention. */
export default {
  tenant_readers: { customer_export: CustomerExportReader, customer_texts: CustomerTextsReader },
  tenant_writers: { customer_texts: CustomerTextsWriter, retention: RetentionWriter },
  platform_readers: { retention: RetentionReader },
  platform_writers: {},
  unaudited_writers: {},
  expiring: [],
  tags: [],
  routes() {
    return [mount('/v1/customers/:id/export', customerExport)]
  },
} satisfies Feature
