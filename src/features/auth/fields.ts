import { PASSWORD_CHARACTERS_MIN } from '../../kernel/credentials/passwords.js'
import type { Field } from '../../kernel/pages/form.js'

/** The address of the user. It is not sent: a password manager reads it, to save the password for this user. */
export function userNameField(email: string): Field {
  return { id: 'username', label: 'Email address', type: 'email', autocomplete: 'username', value: email }
}

/** A new password. The form has no maximum, because a browser would cut a password that is pasted. */
export function newPasswordField(label: string): Field {
  return {
    ...{ id: 'password', name: 'password', label, type: 'password', autocomplete: 'new-password' },
    hint: `At least ${PASSWORD_CHARACTERS_MIN} characters. A few unrelated words are good.`,
  }
}

/** The password of an existing user. */
export const CURRENT_PASSWORD: Field = {
  ...{ id: 'password', name: 'password', label: 'Password', type: 'password', autocomplete: 'current-password' },
}
