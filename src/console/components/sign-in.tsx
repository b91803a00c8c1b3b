import { useMutation } from '@tanstack/react-query'
import { useEffect, useRef } from 'react'
import type { ApiProblem } from '../api/problem'
import { session } from '../api/session'
import icon from '../assets/icon.svg'
import { Field } from './field'
import { ProblemNotice } from './problem'

interface Credentials {
  readonly email: string
  readonly password: string
}

/** The form of the login. After it, the page that the URL names is shown. */
export function SignIn({ why }: { readonly why: ApiProblem | string | undefined }) {
  const heading = useRef<HTMLHeadingElement>(null)
  const signing_in = useMutation({ mutationFn: ({ email, password }: Credentials) => session.signIn(email, password) })
  useEffect(() => {
    document.title = 'Sign in · Gatehouse'
    heading.current?.focus()
  }, [])
  return (
    <div className="welcome">
      <main className="stack">
        <span className="brand">
          <img src={icon} alt="" /> Gatehouse
        </span>
        <h1 ref={heading} tabIndex={-1}>
          Sign in
        </h1>
        {signing_in.error === null && <Why why={why} />}
        <ProblemNotice error={signing_in.error} />
        <form
          className="stack"
          onSubmit={(event) => {
            event.preventDefault()
            const form = new FormData(event.currentTarget)
            signing_in.mutate({ email: String(form.get('email')), password: String(form.get('password')) })
          }}
        >
          <Field label="Email">
            {(control) => <input {...control} name="email" type="email" autoComplete="username" required />}
          </Field>
          <Field label="Password">
            {(control) => (
              <input {...control} name="password" type="password" autoComplete="current-password" required />
            )}
          </Field>
          <button type="submit" className="primary" disabled={signing_in.isPending}>
            {signing_in.isPending ? 'Signing in…' : 'Sign in'}
          </button>
        </form>
      </main>
    </div>
  )
}

/** Why the last session of this tab ended. */
function Why({ why }: { readonly why: ApiProblem | string | undefined }) {
  if (why === undefined) return null
  if (typeof why === 'string') {
    return (
      <p className="note" role="status">
        {why}
      </p>
    )
  }
  return (
    <div className="stack tight wide">
      <p>Your session has ended. Sign in again to continue where you were.</p>
      <ProblemNotice error={why} />
    </div>
  )
}
