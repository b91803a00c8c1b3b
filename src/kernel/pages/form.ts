import type { FastifyRequest } from 'fastify'
import type { Problem } from '../problems/problems.js'
import type { FieldError } from '../problems/validation.js'
import { type Html, html } from './html.js'

/** A field of a form. */
export interface Field {
  /** The name in the body. Undefined for a field that only shows something, such as the user name for a password manager. */
  readonly name?: string
  /** Distinguishes the field on its page. */
  readonly id: string
  readonly label: string
  readonly type: 'text' | 'email' | 'password'
  /** The purpose of the field (HTML standard, "autofill detail tokens"). */
  readonly autocomplete: 'name' | 'username' | 'new-password' | 'current-password'
  readonly hint?: string
  readonly value?: string
  readonly max_length?: number
}

/** A mistake in a form, in words for the person who filled it in. */
export interface Mistake {
  /** The name of the field; undefined for the form as a whole. */
  readonly field?: string
  readonly text: string
}

interface Form {
  readonly fields: readonly Field[]
  readonly button: string
  readonly mistakes?: readonly Mistake[]
}

/**
 * Renders a form that posts to the URL of its page. Each mistake is in a summary that a screen reader announces, and at its
 * field, which refers to it.
 */
export function formOf({ fields, button, mistakes = [] }: Form): Html {
  return html`${mistakes.length > 0 && summaryOf(fields, mistakes)}
<form method="post">
${fields.map((field) => fieldOf(field, mistakes))}
<button type="submit">${button}</button>
</form>`
}

function summaryOf(fields: readonly Field[], mistakes: readonly Mistake[]): Html {
  const lineOf = ({ field: name, text }: Mistake) => {
    const id = fields.find((field) => field.name === name && name !== undefined)?.id
    return id === undefined ? html`<li>${text}</li>` : html`<li><a href="#${id}">${text}</a></li>`
  }
  return html`<div class="summary" role="alert"><h2>That did not work</h2><ul>${mistakes.map(lineOf)}</ul></div>`
}

function fieldOf(field: Field, mistakes: readonly Mistake[]): Html {
  const { name, id, label, type, autocomplete, hint, value, max_length } = field
  const own = mistakes.filter((mistake) => mistake.field !== undefined && mistake.field === name)
  const described_by = [...(hint === undefined ? [] : [`${id}-hint`]), ...(own.length > 0 ? [`${id}-mistake`] : [])]
  return html`<label for="${id}">${label}</label>
${hint !== undefined && html`<p class="hint" id="${id}-hint">${hint}</p>`}
<input id="${id}" type="${type}" autocomplete="${autocomplete}"${name !== undefined && html` name="${name}" required`}${name === undefined && html` readonly`}${value !== undefined && html` value="${value}"`}${max_length !== undefined && html` maxlength="${max_length}"`}${described_by.length > 0 && html` aria-describedby="${described_by.join(' ')}"`}${own.length > 0 && html` aria-invalid="true"`}>
${own.length > 0 && html`<p class="mistake" id="${id}-mistake">${own.map(({ text }) => text).join(' ')}</p>`}
`
}

/** Puts the mistakes of a refused form into words. */
export function mistakesOf(problem: Problem, fields: readonly Field[], request: FastifyRequest): Mistake[] {
  const errors = problem.members.errors as readonly FieldError[] | undefined
  if (errors === undefined) return [{ text: problem.detail }]
  return errors.map(({ pointer, message }) => {
    const field = fields.find(({ name }) => name !== undefined && pointer === `/${name}`)
    if (field === undefined) return { text: `${pointer.slice(1)} ${message}.` }
    const is_empty = (sentValue(request, String(field.name)) ?? '').trim() === ''
    return { field: String(field.name), text: is_empty ? `Fill in: ${field.label}.` : `${field.label} ${message}.` }
  })
}

/** The value of a field in the body of a request; undefined if the request has no such field. */
export function sentValue({ body }: FastifyRequest, name: string): string | undefined {
  if (typeof body !== 'object' || body === null || !Object.hasOwn(body, name)) return undefined
  return String((body as Record<string, unknown>)[name])
}
