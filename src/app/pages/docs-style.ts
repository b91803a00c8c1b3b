/** Adapts the style of Swagger UI: our bar, and more contrast of text. */
export const DOCS_STYLE = `
body { margin: 0 }
.gatehouse { font: 1rem/1.5 system-ui, sans-serif; color: #1a1d21 }
header.gatehouse { display: flex; flex-wrap: wrap; align-items: center; gap: 0.5rem 1rem; padding: 0.5rem 1rem; background: #f2f4f7; border-bottom: 1px solid #c4cad2 }
header.gatehouse p { margin: 0; flex: 1 1 16rem }
header.gatehouse a { color: #0b4a8f }
header.gatehouse button { font: inherit; padding: 0.25rem 0.75rem; color: #1a1d21; background: #fff; border: 1px solid #6a7480; border-radius: 6px; cursor: pointer }
header.gatehouse button[hidden] { display: none }
p.gatehouse { padding: 0 1rem }
:focus-visible { outline: 3px solid #0b4a8f; outline-offset: 1px }
.swagger-ui .opblock .opblock-summary-method { background: #1a4f86; text-shadow: none }
.swagger-ui .opblock.opblock-post .opblock-summary-method { background: #1b6340 }
.swagger-ui .opblock.opblock-delete .opblock-summary-method { background: #a11a1a }
.swagger-ui .opblock.opblock-put .opblock-summary-method, .swagger-ui .opblock.opblock-patch .opblock-summary-method { background: #7a4a00 }
.swagger-ui .info .title small.version-stamp { background: #1b6340 }
.swagger-ui .info .title small { background: #454c55 }
.swagger-ui .btn.authorize { color: #1b6340; border-color: #1b6340 }
.swagger-ui .btn.authorize svg { fill: #1b6340 }
@media (prefers-color-scheme: dark) {
  html { background: #14171b }
  .swagger-ui { filter: invert(0.92) hue-rotate(180deg) }
  .gatehouse { color: #eceff3 }
  header.gatehouse { background: #1f242a; border-color: #46505c }
  header.gatehouse a { color: #9cc9ff }
  header.gatehouse button { color: #eceff3; background: #14171b; border-color: #8b97a5 }
  :focus-visible { outline-color: #9cc9ff }
}
`
