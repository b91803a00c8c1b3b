import { createHash } from 'node:crypto'
import { type Content, Html, html } from './html.js'
import { STYLE } from './style.js'

/** A page of the gateway. */
export interface Page {
  readonly title: string
  readonly body: Content
  /** The label of the link back to `/`; undefined on the front page itself. */
  readonly home?: string
}

const STYLE_DIGEST = createHash('sha256').update(STYLE).digest('base64')

/**
 * The policy of every page: its own style sheet and nothing else. No script, no image, no form, no frame, no other origin.
 * It has no `upgrade-insecure-requests`, because the gateway can be reached over plain HTTP under any name.
 */
export const PAGE_POLICY = `default-src 'none'; style-src 'sha256-${STYLE_DIGEST}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`

/** Returns the markup of a page. It follows the light or dark setting of the reader and fits narrow screens. */
export function renderPage({ title, body, home }: Page): string {
  const name = title === 'Gatehouse' ? title : `${title} - Gatehouse`
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${name}</title>
<style>${new Html(STYLE)}</style>
</head>
<body>
<a class="skip" href="#content">Skip to the content</a>
${home === undefined ? undefined : html`<header><nav aria-label="Gatehouse"><a href="/">${home}</a></nav></header>`}
<main id="content" tabindex="-1">
<h1>${title}</h1>
${body}
</main>
</body>
</html>
`.markup
}
