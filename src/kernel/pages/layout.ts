import { createHash } from 'node:crypto'
import { type HtmlValue, html } from './html.js'
import { STYLE } from './style.js'

/** A page of the gateway. */
export interface Page {
  /** The heading, and the title of the window. */
  readonly title: string
  readonly body: HtmlValue
  /** The label of the link back to `/`; undefined on the front page itself, and on pages that are for one person. */
  readonly home?: string
  /** Whether the page is for one person, so that search engines must not list it. */
  readonly is_private?: boolean
}

/**
 * The policy of every page (CSP level 3): its own style sheet, forms to its own origin, and nothing else. No script, no image,
 * no frame, no other origin. The digest allows the style sheet, and no other one that a name on the page could bring. It has
 * no `upgrade-insecure-requests`, because the gateway can be reached over plain HTTP under any name.
 */
export const PAGE_POLICY = [
  "default-src 'none'",
  `style-src 'sha256-${createHash('sha256').update(STYLE.toString()).digest('base64')}'`,
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ')

/** Renders a page as an HTML document. It follows the light or dark setting of the reader and fits narrow screens. */
export function renderPage({ title, body, home, is_private }: Page): string {
  const name = title === 'Gatehouse' ? title : `${title} - Gatehouse`
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
${is_private === true && html`<meta name="robots" content="noindex">`}
<title>${name}</title>
<style>${STYLE}</style>
</head>
<body>
<a class="skip" href="#content">Skip to the content</a>
${home !== undefined && html`<header><nav aria-label="Gatehouse"><a href="/">${home}</a></nav></header>`}
<main id="content" tabindex="-1">
<h1>${title}</h1>
${body}
</main>
</body>
</html>
`.toString()
}
