import { useMutation } from '@tanstack/react-query'
import { useState } from 'react'
import { download } from '../api/download'
import { ProblemNotice } from '../components/problem'
import type { AuditSearch } from './audit-search'

const KIB = 1_024
const FORMATS = { ndjson: 'NDJSON', csv: 'CSV' } as const
type Format = keyof typeof FORMATS

interface AuditExportProps {
  readonly tenant_id: string
  readonly filters: AuditSearch
}

/** Exports every event that matches the filters. Only NDJSON without filters can be verified as a chain. */
export function AuditExport({ tenant_id, filters }: AuditExportProps) {
  const [bytes, setBytes] = useState(0)
  const exporting = useMutation({
    mutationFn: (format: Format) => {
      const query = new URLSearchParams({ ...filters, format } as Record<string, string>)
      const path = `/v1/tenants/${encodeURIComponent(tenant_id)}/audit-events/export?${query}`
      return download(path, `audit-events.${format}`, setBytes)
    },
  })
  return (
    <div className="stack tight wide">
      <div className="row">
        {(Object.keys(FORMATS) as Format[]).map((format) => (
          <button
            type="button"
            key={format}
            disabled={exporting.isPending}
            onClick={() => {
              setBytes(0)
              exporting.mutate(format)
            }}
          >
            Export as {FORMATS[format]}
          </button>
        ))}
        <span role="status" className="soft">
          {exporting.isPending && `${Math.ceil(bytes / KIB).toLocaleString()} KiB received…`}
          {exporting.isSuccess && `${Math.ceil(bytes / KIB).toLocaleString()} KiB saved.`}
        </span>
      </div>
      <ProblemNotice error={exporting.error} />
    </div>
  )
}
