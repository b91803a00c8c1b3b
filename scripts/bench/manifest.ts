import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** The manifest of the service. The route requires a scope that the role of the caller contains. */
export function writeManifest(origin: string) {
  const folder = mkdtempSync(join(tmpdir(), 'gatehouse-bench-'))
  const file = join(folder, 'upstreams.yaml')
  writeFileSync(
    file,
    `upstreams:
  - name: bench
    prefix: /bench
    origin: ${origin}
    routes:
      - { method: GET, path: /items, scopes: [conversations:view] }
`,
  )
  return { file, close: async () => rmSync(folder, { recursive: true, force: true }) }
}
