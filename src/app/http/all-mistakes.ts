/** The most mistakes of one body that a response lists. */
export const MISTAKES_MAX = 20
/**
 * The largest body that is validated again to find its other mistakes: by the characters of its texts and names, and by the
 * number of its values. Without these bounds, a body with many mistakes would make as many errors, and patterns would read
 * texts that are longer than their schema allows.
 */
const CHARACTERS_MAX = 16_384
const VALUES_MAX = 1_000

/** A validator as Ajv makes it: its errors are those of its last call. */
export interface Validator {
  (value: unknown): boolean
  errors?: readonly object[] | null
}

/**
 * Makes a validator that lists the mistakes of a small body, where `first` stops at the first one. A valid body is
 * validated once, and so is a body that is too large to be validated again.
 *
 * @param compileAll compiles the schema to a validator that does not stop. It is called at the first mistake only, because
 * compiling each schema twice would make the start slower.
 */
export function listingMistakes(first: Validator, compileAll: () => Validator): Validator {
  let all: Validator | undefined
  const validator: Validator = (value) => {
    if (first(value)) return true
    validator.errors = first.errors
    if (!isSmall(value)) return false
    all ??= compileAll()
    if (!all(value)) validator.errors = all.errors
    return false
  }
  return validator
}

/** Whether a value is small enough to be validated again. It stops counting at the bounds. */
function isSmall(value: unknown): boolean {
  const waiting: unknown[] = [value]
  let values = 1
  let characters = 0
  for (;;) {
    const next = waiting.pop()
    if (next === undefined) return true
    if (typeof next === 'string') characters += next.length
    if (typeof next === 'object' && next !== null) {
      const members = Array.isArray(next) ? next : Object.values(next)
      values += members.length
      if (values > VALUES_MAX) return false
      if (!Array.isArray(next)) for (const name of Object.keys(next)) characters += name.length
      waiting.push(...members)
    }
    if (characters > CHARACTERS_MAX) return false
  }
}
