import { invalidField } from '../../kernel/problems/validation.js'

/**
 * Letters, digits and marks of any script, single spaces, and some punctuation. No percent sign, which a URL would decode,
 * and no spaces at the ends, which could be trimmed.
 */
const ROLE_NAME = /^[\p{L}\p{N}](?:[\p{L}\p{M}\p{N}.&'()_-]| (?=[^ ])){0,59}$/u
/** Invisible letters and marks: fillers, joiners, variation selectors. */
const INVISIBLE = /\p{Default_Ignorable_Code_Point}/u
/** Scripts with letters that look alike. A name that mixes them can imitate another name. */
const LOOKALIKE_SCRIPTS = [/\p{Script=Latin}/u, /\p{Script=Cyrillic}/u, /\p{Script=Greek}/u]

/**
 * Refuses a role name that can imitate another one: invisible or compatibility characters (`Ｏｗｎｅｒ`), spaces at the
 * ends (`Owner `), percent-encoding (`ow%6Eer`), and mixed scripts.
 *
 * @throws Problem `validation_failed` at `/name`
 */
export function checkRoleName(name: string): void {
  if (!ROLE_NAME.test(name)) {
    throw invalidField(
      '/name',
      "must have 1 to 60 letters, digits, single spaces or . & ' ( ) _ - and begin with a letter or digit",
    )
  }
  if (INVISIBLE.test(name)) throw invalidField('/name', 'must not contain invisible characters')
  if (name !== name.normalize('NFKC'))
    throw invalidField('/name', 'must be in Unicode NFKC form, without compatibility characters')
  if (LOOKALIKE_SCRIPTS.filter((script) => script.test(name)).length > 1)
    throw invalidField('/name', 'must not mix scripts')
}
