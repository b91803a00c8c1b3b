import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { html } from '../../kernel/pages/html.js'
import { type Representation, representation } from '../../kernel/pages/representation.js'
import { DOCS_SCRIPT } from './docs-script.js'
import { DOCS_STYLE } from './docs-style.js'

const STATIC_FOLDER = join(dirname(createRequire(import.meta.url).resolve('@fastify/swagger-ui')), 'static')
const SCRIPT = 'application/javascript; charset=utf-8'
const STYLE = 'text/css; charset=utf-8'

/**
 * The policy of the page: its own files and requests to its own origin. Swagger UI needs no `unsafe-inline` and no
 * `unsafe-eval`; its icons are `data:` URLs. No `upgrade-insecure-requests`: over plain HTTP the page would stay empty.
 */
export const DOCS_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

/** The page of the API reference and its files. */
export interface DocsPage {
  readonly page: Representation
  /** The files by the last part of their path, which has the digest of their content. */
  readonly assets: ReadonlyMap<string, Representation>
}

/** Reads the files of the page. @param has_demo whether the page offers the credentials of the demo */
export function docsPage(has_demo: boolean): DocsPage {
  const assets = new Map<string, Representation>()
  const add = (name: string, type: string, content: Buffer | string): string => {
    const asset = representation(type, Buffer.from(content))
    const [, stem, extension] = /^(.*)(\.\w+)$/.exec(name) as unknown as [string, string, string]
    const path = `${stem}.${asset.etag.slice(1, 13)}${extension}`
    assets.set(path, asset)
    return `/docs/assets/${path}`
  }
  const read = (name: string) => readFileSync(join(STATIC_FOLDER, name))
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>API reference - Gatehouse</title>
<link rel="icon" type="image/png" href="${add('favicon-32x32.png', 'image/png', read('favicon-32x32.png'))}">
<link rel="stylesheet" href="${add('swagger-ui.css', STYLE, read('swagger-ui.css'))}">
<link rel="stylesheet" href="${add('docs.css', STYLE, DOCS_STYLE)}">
<script defer src="${add('swagger-ui-bundle.js', SCRIPT, read('swagger-ui-bundle.js'))}"></script>
<script defer src="${add('docs.js', SCRIPT, DOCS_SCRIPT)}"></script>
</head>
<body>
<header class="gatehouse">
<nav aria-label="Gatehouse"><a href="/">Gatehouse</a></nav>
<p id="credentials" role="status">No credentials yet. Log in with POST /v1/auth/login, or choose Authorize.</p>
${has_demo ? html`<button type="button" id="demo">Use the credentials of the demo</button>` : undefined}
<button type="button" id="forget" hidden>Forget the credentials</button>
</header>
<div id="reference"><p class="gatehouse">Loading the contract ...</p></div>
<noscript><p class="gatehouse">This page needs JavaScript. The contract is at <a href="/openapi.yaml">/openapi.yaml</a>.</p></noscript>
</body>
</html>
`
  return { page: representation('text/html; charset=utf-8', Buffer.from(page.toString())), assets }
}
