/** The style sheet of every page. The contrast of text is at least 7:1 in both settings (WCAG 2.2, level AAA). */
export const STYLE = `
:root { color-scheme: light dark; --text: #1a1d21; --soft: #454c55; --page: #ffffff; --panel: #f2f4f7; --line: #c4cad2; --link: #0b4a8f }
@media (prefers-color-scheme: dark) {
  :root { --text: #eceff3; --soft: #bcc4ce; --page: #14171b; --panel: #1f242a; --line: #46505c; --link: #9cc9ff }
}
* { box-sizing: border-box }
body { margin: 0; padding: 1.5rem 1rem 4rem; color: var(--text); background: var(--page); font: 1rem/1.6 system-ui, sans-serif }
header, main { max-width: 48rem; margin: 0 auto }
main:focus { outline: none }
h1 { font-size: 1.75rem; line-height: 1.2; margin: 1rem 0 }
h2 { font-size: 1.2rem; margin: 2rem 0 0.5rem }
p, dd { overflow-wrap: anywhere }
a { color: var(--link) }
a:focus-visible, pre:focus-visible { outline: 3px solid var(--link); outline-offset: 2px }
.skip { position: absolute; left: -100vw }
.skip:focus { left: 1rem; padding: 0.25rem 0.5rem; background: var(--page) }
code, pre { font-family: ui-monospace, monospace; font-size: 0.9em }
pre { padding: 0.75rem 1rem; overflow-x: auto; background: var(--panel); border: 1px solid var(--line); border-radius: 6px }
dl.rows { display: grid; grid-template-columns: max-content 1fr; gap: 0.4rem 1.25rem; margin: 0 }
dl.rows dt { font-weight: 600 }
dl.rows dd { margin: 0; color: var(--soft) }
table { width: 100%; border-collapse: collapse }
th, td { padding: 0.35rem 0.75rem 0.35rem 0; text-align: left; vertical-align: top; border-bottom: 1px solid var(--line) }
td { overflow-wrap: anywhere }
@media (max-width: 34rem) {
  dl.rows { display: block }
  dl.rows dd { margin-bottom: 0.75rem }
}
`
