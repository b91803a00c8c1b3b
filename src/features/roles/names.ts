import { invalidField } from '../../kernel/problems/validation.js'

/**
 * Letters, digits and marks of any script, single spaces, and a little punctuation; nothing that a URL would decode, and
 * nothing at the edges that could be trimmed.
 */
const ROLE_NAME = /^[\p{L}\p{N}](?:[\p{L}\p{M}\p{N}.&'()_-]| (?=[^ ])){0,59}$/u
/** Letters and marks that a reader cannot see: fillers, joiners, variation selectors. */
const INVISIBLE = /\p{Default_Ignorable_Code_Point}/u
/** Scripts whose letters look like each other's. A name that mixes them pretends to be another one. */
const LOOKALIKE_SCRIPTS = [/\p{Script=Latin}/u, /\p{Script=Cyrillic}/u, /\p{Script=Greek}/u]

/**
 * Refuses a role name that could be taken for another one: invisible or compatibility characters (`Ｏｗｎｅｒ`), edges
 * that would be trimmed (`Owner `), percent-encoding (`ow%6Eer`), and mixed scripts.
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
  if (INVISIBLE.test(name)) throw invalidField('/name', 'must not have invisible characters')
  if (name !== name.normalize('NFKC'))
    throw invalidField('/name', 'must be written in ordinary characters (Unicode NFKC)')
  if (LOOKALIKE_SCRIPTS.filter((script) => script.test(name)).length > 1)
    throw invalidField('/name', 'must not mix scripts')
}
