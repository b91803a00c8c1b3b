/** Markup that is safe to send: text of the project, with every value escaped. */
export class Html {
  constructor(readonly markup: string) {}
}

/** What a template of markup can contain. A list is its items, one after another. */
export type Content = string | number | Html | undefined | readonly Content[]

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

/**
 * Returns markup with every value escaped, unless the value is markup itself. It is for text and for attributes in quotes.
 * A value is not safe in a script, in a style, or as the URL of a link that a client chose.
 */
export function html(parts: TemplateStringsArray, ...values: readonly Content[]): Html {
  return new Html(parts.map((part, position) => part + markupOf(values[position])).join(''))
}

function markupOf(value: Content): string {
  if (value === undefined) return ''
  if (value instanceof Html) return value.markup
  if (typeof value === 'object') return value.map(markupOf).join('')
  return String(value).replaceAll(/[&<>"']/g, (character) => ENTITIES[character] as string)
}
