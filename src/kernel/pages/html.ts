/** The characters that end a text or an attribute in double quotes, and what stands for them. */
const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

/** Markup that can be sent: constants of the code, and values that `html` has escaped. Only this file makes it. */
class SafeHtml {
  readonly #markup: string

  constructor(markup: string) {
    this.#markup = markup
  }

  toString(): string {
    return this.#markup
  }
}

export type Html = SafeHtml

/** What a template takes. `undefined` and `false` are left out. */
export type HtmlValue = Html | string | number | undefined | false | readonly HtmlValue[]

/**
 * Makes markup from a template. Every value is escaped, except markup that this function made. A value can be the text of
 * an element or an attribute in double quotes. It cannot be the name of an element or attribute, and not the target of a
 * link unless its scheme was checked.
 */
export function html(constants: TemplateStringsArray, ...values: readonly HtmlValue[]): Html {
  const parts = constants.map((constant, position) =>
    position === 0 ? constant : render(values[position - 1]) + constant,
  )
  return new SafeHtml(parts.join(''))
}

function render(value: HtmlValue): string {
  if (value === undefined || value === false) return ''
  if (value instanceof SafeHtml) return value.toString()
  if (typeof value === 'object') return value.map(render).join('')
  return String(value).replaceAll(/[&<>"']/g, (character) => ENTITIES[character] as string)
}
