import { html } from '../../kernel/pages/html.js'
import { renderPage } from '../../kernel/pages/layout.js'
import { type PageAndJson, pageAndJson } from '../../kernel/pages/send-page.js'

const DESCRIPTION =
  'Gatehouse is a multi-tenant API gateway. For each request it decides which tenant and which user the request is from, and whether that tenant, that user and that key may do what the request asks.'

/** A link of the front page. The paths are relative, because the gateway can be reached under any host name. */
interface Link {
  readonly name: string
  readonly path: string
  readonly title: string
  readonly text: string
}

const LINKS: readonly Link[] = [
  { name: 'console', path: '/console', title: 'Console', text: 'Sign in and manage a tenant in the browser' },
  { name: 'docs', path: '/docs', title: 'API reference', text: 'Every operation, with a form to try it' },
  { name: 'openapi', path: '/openapi.json', title: 'Contract', text: 'OpenAPI 3.1 as JSON; as YAML at /openapi.yaml' },
  { name: 'problems', path: '/problems', title: 'Problems', text: 'Every refusal: what it means and what to do' },
  { name: 'liveness', path: '/livez', title: 'Liveness', text: 'Whether the process responds' },
  { name: 'readiness', path: '/readyz', title: 'Readiness', text: 'Whether the gateway can serve requests' },
]

/** Makes the front page: what this is, and where to go on. It names only paths that this process serves. */
export function frontPage(isServed: (path: string) => boolean): PageAndJson {
  const links = LINKS.filter(({ path }) => isServed(path))
  const rows = links.map(({ path, title, text }) => html`<dt><a href="${path}">${title}</a></dt><dd>${text}</dd>\n`)
  const body = html`<p>${DESCRIPTION}</p>
<dl class="rows">
${rows}</dl>`
  return pageAndJson(renderPage({ title: 'Gatehouse', body }), {
    name: 'Gatehouse',
    description: DESCRIPTION,
    links: Object.fromEntries(links.map(({ name, path }) => [name, path])),
  })
}
