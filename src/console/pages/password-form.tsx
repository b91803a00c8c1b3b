import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useRef } from 'react'
import { api } from '../api/client'
import { Field } from '../components/field'
import { ProblemNotice } from '../components/problem'

/** Changes the password of the user, which ends all their other sessions. */
export function PasswordForm() {
  const form = useRef<HTMLFormElement>(null)
  const queries = useQueryClient()
  const saving = useMutation({
    mutationFn: (body: { current_password: string; new_password: string }) => api.PUT('/v1/me/password', { body }),
    onSuccess: async () => {
      form.current?.reset()
      await queries.invalidateQueries({ queryKey: ['sessions'] })
    },
  })
  return (
    <section className="stack wide" aria-labelledby="password">
      <h2 id="password">Password</h2>
      <form
        ref={form}
        className="card"
        onSubmit={(event) => {
          event.preventDefault()
          const values = new FormData(event.currentTarget)
          saving.mutate({
            current_password: String(values.get('current_password')),
            new_password: String(values.get('new_password')),
          })
        }}
      >
        <Field label="Current password">
          {(control) => (
            <input
              {...control}
              name="current_password"
              type="password"
              autoComplete="current-password"
              maxLength={512}
              required
            />
          )}
        </Field>
        <Field
          label="New password"
          hint="15 to 128 characters, and not a common one. It ends your other sessions."
          problem={saving.error}
          pointer="/new_password"
        >
          {(control) => (
            <input
              {...control}
              name="new_password"
              type="password"
              autoComplete="new-password"
              maxLength={512}
              required
            />
          )}
        </Field>
        <ProblemNotice error={saving.error} />
        {saving.isSuccess && (
          <p className="note" role="status">
            Your password has changed. Your other sessions have ended.
          </p>
        )}
        <div>
          <button type="submit" className="primary" disabled={saving.isPending}>
            {saving.isPending ? 'Saving…' : 'Change the password'}
          </button>
        </div>
      </form>
    </section>
  )
}
