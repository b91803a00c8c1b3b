import { QueryClientProvider } from '@tanstack/react-query'
import { RouterProvider } from '@tanstack/react-router'
import { useMemo, useSyncExternalStore } from 'react'
import { createQueries } from './api/queries'
import { session } from './api/session'
import { Progress } from './components/page'
import { SignIn } from './components/sign-in'
import { router } from './routes'

/** The page of the URL if a user is signed in, otherwise the form of the login. */
export function App() {
  const state = useSyncExternalStore(session.subscribe, () => session.state)
  const user_id = state.kind === 'signed_in' ? state.user.id : undefined
  // What the console read for one user must not stay for the next one.
  // biome-ignore lint/correctness/useExhaustiveDependencies: a new user gets a new cache
  const queries = useMemo(createQueries, [user_id])
  return (
    <QueryClientProvider client={queries}>
      {state.kind === 'starting' && <Progress>Starting</Progress>}
      {state.kind === 'signed_out' && <SignIn why={state.why} />}
      {state.kind === 'signed_in' && <RouterProvider router={router} />}
    </QueryClientProvider>
  )
}
