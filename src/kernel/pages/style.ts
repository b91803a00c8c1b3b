import { html } from './html.js'

/**
 * The style sheet of every page. It is a constant, because the policy of a page names it by its digest. The contrast of text is
 * at least 7:1 in both settings (WCAG 2.2, level AAA).
 */
export const STYLE = html`
:root { color-scheme: light dark; --text: #1a1d21; --soft: #454c55; --page: #ffffff; --panel: #f2f4f7; --line: #c4cad2; --edge: #767e8a; --link: #0b4a8f; --on-link: #ffffff; --bad: #8c1d18 }
@media (prefers-color-scheme: dark) {
  :root { --text: #eceff3; --soft: #bcc4ce; --page: #14171b; --panel: #1f242a; --line: #46505c; --edge: #8b94a1; --link: #9cc9ff; --on-link: #10131c; --bad: #ffb4ab }
}
* { box-sizing: border-box }
body { margin: 0; padding: 1.5rem 1rem 4rem; color: var(--text); background: var(--page); font: 1rem/1.6 system-ui, sans-serif; overflow-wrap: anywhere }
header, main { max-width: 48rem; margin: 0 auto }
main:focus { outline: none }
h1 { font-size: 1.75rem; line-height: 1.2; margin: 1rem 0 }
h2 { font-size: 1.2rem; margin: 2rem 0 0.5rem }
a { color: var(--link) }
:focus-visible { outline: 3px solid var(--link); outline-offset: 2px }
.skip { position: absolute; left: -100vw }
.skip:focus { left: 1rem; padding: 0.25rem 0.5rem; background: var(--page) }
code, pre { font-family: ui-monospace, monospace; font-size: 0.9em }
pre { padding: 0.75rem 1rem; overflow-x: auto; overflow-wrap: normal; background: var(--panel); border: 1px solid var(--line); border-radius: 6px }
dt { color: var(--soft) }
dd { margin: 0 0 0.5rem }
dl.rows { display: grid; grid-template-columns: max-content 1fr; gap: 0.4rem 1.25rem; margin: 0 }
dl.rows dt { color: var(--text); font-weight: 600 }
dl.rows dd { margin: 0; color: var(--soft) }
table { width: 100%; border-collapse: collapse }
th, td { padding: 0.35rem 0.75rem 0.35rem 0; text-align: left; vertical-align: top; border-bottom: 1px solid var(--line); overflow-wrap: normal }
td code { overflow-wrap: anywhere }
form { max-width: 32rem }
label { display: block; margin-top: 1rem; font-weight: 600 }
input { width: 100%; margin-top: 0.25rem; padding: 0.625rem 0.75rem; border: 1px solid var(--edge); border-radius: 6px; background: var(--page); color: var(--text); font: inherit }
input[aria-invalid] { border: 2px solid var(--bad) }
button { margin-top: 1.5rem; padding: 0.625rem 1.25rem; border: 0; border-radius: 6px; background: var(--link); color: var(--on-link); font: inherit; font-weight: 600; cursor: pointer }
.hint, footer { color: var(--soft); font-size: 0.875rem }
.hint, .mistake { margin: 0.25rem 0 0 }
.mistake { color: var(--bad) }
.summary { max-width: 32rem; margin-bottom: 1.5rem; padding: 0.75rem 1rem; border: 2px solid var(--bad); border-radius: 6px }
.summary h2 { margin: 0; font-size: 1rem }
.summary ul { margin: 0.25rem 0 0; padding-left: 1.25rem }
footer { margin-top: 2rem }
@media (max-width: 34rem) {
  dl.rows { display: block }
  dl.rows dd { margin-bottom: 0.75rem }
}
`
