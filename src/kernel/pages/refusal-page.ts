import { PROBLEMS, type ProblemCode } from '../../contract/problems/catalogue.js'
import type { Problem } from '../problems/problems.js'
import type { FieldError } from '../problems/validation.js'
import { html } from './html.js'
import type { Page } from './layout.js'

interface Advice {
  readonly title: string
  readonly text: string
}

/** What a person can do. The texts of the catalogue are for developers. */
const ADVICE: Partial<Record<ProblemCode, Advice>> = {
  cross_site_request: {
    title: 'This form came from another site',
    text: 'For your safety, nothing was changed. Open the link in the mail again, in a current browser, and use the form on that page.',
  },
  rate_limited: {
    title: 'Too many attempts',
    text: 'Nothing was changed. Wait, and then try again. The link in the mail still works.',
  },
  service_unavailable: {
    title: 'Not available at the moment',
    text: 'Try again in a minute. The link in the mail still works.',
  },
  internal_error: {
    title: 'Something went wrong',
    text: 'The error is recorded. Try again later. If it happens again, tell the operator of this service the number below.',
  },
}

/** The page of a refusal that no route describes better. */
export function refusalPage(problem: Problem, request_id: string): Page {
  const { title, text } = ADVICE[problem.code] ?? { title: PROBLEMS[problem.code].title, text: problem.detail }
  const wait_seconds = Number(problem.headers['retry-after'] ?? 0)
  const errors = (problem.members.errors ?? []) as readonly FieldError[]
  return {
    title,
    body: html`<p>${text}</p>
${errors.length > 0 && html`<ul>${errors.map(({ pointer, message }) => html`<li><code>${pointer}</code> ${message}</li>`)}</ul>`}
${wait_seconds > 1 && html`<p>Wait ${inWords(wait_seconds)}.</p>`}
<footer><p>Code <code>${problem.code}</code>, request <code>${request_id}</code></p></footer>`,
  }
}

function inWords(seconds: number): string {
  return seconds < 120 ? `${seconds} seconds` : `${Math.ceil(seconds / 60)} minutes`
}
