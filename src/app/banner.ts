import { styleText } from 'node:util'
import type { Demo } from './demo/index.js'

/** Where a person reads what a start does: standard error, because standard output has the lines of the log only. */
type Terminal = Pick<NodeJS.WriteStream, 'write'> & { hasColors?: () => boolean }

/** Tells a person what the start does while it does it. A process in production has no such reader. */
export function tellSteps(terminal: Terminal, is_production: boolean): (step: string) => void {
  return (step) => void (is_production || terminal.write(`${step} ...\n`))
}

/** What the banner says. */
export interface Started {
  readonly public_url: string
  /** Paths of pages of this process, with what each one is. */
  readonly pages: readonly (readonly [label: string, path: string])[]
  readonly demo: Demo | undefined
}

/** Returns the last thing that a start says: where the gateway is, where to read on, and a command that works as printed. */
export function banner({ public_url, pages, demo }: Started, terminal: Terminal): string {
  const has_colors = terminal.hasColors?.() === true
  const bold = (text: string) => (has_colors ? styleText('bold', text) : text)
  const rows = [...pages.map(([label, path]) => [label, `${public_url}${path}`]), ['Guides', 'README.md and docs/']]
  if (demo !== undefined) rows.push(['Demo', `two tenants, Acme and Globex; passwords and keys are in ${demo.file}`])
  const width = Math.max(...rows.map(([label = '']) => label.length))
  const lines = rows.map(([label = '', text]) => `  ${label.padEnd(width)}  ${text}`)
  return ['', bold(`Gatehouse is ready at ${public_url}`), '', ...lines, ...commandOf(demo, bold), '', ''].join('\n')
}

/** The command needs no access token, because the key holds the scope itself. */
function commandOf(demo: Demo | undefined, bold: (text: string) => string): string[] {
  if (demo === undefined) return []
  const { GATEWAY_URL, TENANT_ID, INTEGRATION_API_KEY } = demo.variables
  const headers = `-H 'X-TENANT-ID: ${TENANT_ID}' -H 'X-TENANT-API-KEY: ${INTEGRATION_API_KEY}'`
  return ['', bold('The customers of Acme:'), `curl ${GATEWAY_URL}/v1/customers ${headers}`]
}
