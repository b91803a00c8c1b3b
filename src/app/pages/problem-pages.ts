import { STATUS_CODES } from 'node:http'
import { PROBLEMS, type ProblemCode } from '../../contract/problems/catalogue.js'
import { html } from '../../kernel/pages/html.js'
import { renderPage } from '../../kernel/pages/layout.js'
import { type PageAndJson, pageAndJson } from '../../kernel/pages/send-page.js'
import { Problem, problemBody } from '../../kernel/problems/problems.js'
import { PROBLEM_EXAMPLES } from './problem-examples.js'

const EXAMPLE_REQUEST_ID = '0395d47a-7b82-46cf-9c47-d33a2e75e263'
const CODES = (Object.keys(PROBLEMS) as ProblemCode[]).toSorted(
  (left, right) => PROBLEMS[left].status - PROBLEMS[right].status || (left < right ? -1 : 1),
)

/** What the index says about a problem. The link is relative to the origin of the index. */
const summaryOf = (code: ProblemCode) => {
  const { status, title } = PROBLEMS[code]
  return { code, status, title, href: `/problems/${code}` }
}

/** Makes the index of every problem of the catalogue, by status. */
export function problemIndex(): PageAndJson {
  const summaries = CODES.map(summaryOf)
  const rows = summaries.map(
    ({ code, status, title, href }) =>
      html`<tr><td>${status}</td><td><a href="${href}"><code>${code}</code></a></td><td>${title}</td></tr>\n`,
  )
  const body = html`<p>Every response that is not a success is a problem (RFC 9457). Its <code>code</code> is stable, and its <code>type</code> is the page that explains it.</p>
<table>
<thead><tr><th scope="col">Status</th><th scope="col">Code</th><th scope="col">Title</th></tr></thead>
<tbody>
${rows}</tbody>
</table>`
  return pageAndJson(renderPage({ title: 'Problems', body, home: 'Gatehouse' }), { problems: summaries })
}

/** Makes the page of each problem, with an example of the response. */
export function problemPages(public_url: string): ReadonlyMap<string, PageAndJson> {
  return new Map(CODES.map((code) => [code, problemPage(code, public_url)]))
}

function problemPage(code: ProblemCode, public_url: string): PageAndJson {
  const { status, title, detail, explanation } = PROBLEMS[code]
  const { headers, body: example } = exampleOf(code, public_url)
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\n`)
  const body = html`<p>Status ${status}, code <code>${code}</code></p>
<p>${explanation}</p>
<h2>Example</h2>
<pre tabindex="0" role="region" aria-label="Example of the response"><code>HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}
${lines}
${JSON.stringify(example, null, 2)}
</code></pre>
<p><a href="/problems">All problems</a></p>`
  const summary = { ...summaryOf(code), detail, explanation, example }
  return pageAndJson(renderPage({ title, body, home: 'Gatehouse' }), summary)
}

/** The response as the gateway sends it: the same functions make it. */
function exampleOf(code: ProblemCode, public_url: string) {
  const problem = new Problem(code, PROBLEM_EXAMPLES[code])
  const headers = { 'content-type': 'application/problem+json; charset=utf-8', ...problem.headers }
  return { headers, body: problemBody(problem, public_url, EXAMPLE_REQUEST_ID) }
}
