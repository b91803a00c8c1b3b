import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useParams } from '@tanstack/react-router'
import { useState } from 'react'
import { api, bodyOf } from '../api/client'
import { Confirm } from '../components/dialogs'
import { Field } from '../components/field'
import { Empty, Page, Progress } from '../components/page'
import { ProblemNotice } from '../components/problem'

/** The settings of a tenant: the pages that may call the gateway for it. */
export function Settings() {
  const { tenant_id } = useParams({ from: '/t/$tenant_id' })
  const tenant = useQuery({
    queryKey: ['tenant', tenant_id],
    queryFn: () => bodyOf(api.GET('/v1/tenants/{tenant_id}', { params: { path: { tenant_id } } })),
  })
  return (
    <Page title="Settings">
      <ProblemNotice error={tenant.error} />
      {tenant.isPending && <Progress>Loading the settings</Progress>}
      {tenant.data !== undefined && <Origins tenant_id={tenant_id} origins={tenant.data.allowed_origins} />}
    </Page>
  )
}

function Origins({ tenant_id, origins }: { readonly tenant_id: string; readonly origins: readonly string[] }) {
  const queries = useQueryClient()
  const [removing, setRemoving] = useState<string>()
  const [added, setAdded] = useState('')
  const save = async (allowed_origins: string[]) => {
    await api.PATCH('/v1/tenants/{tenant_id}', { params: { path: { tenant_id } }, body: { allowed_origins } })
    await queries.invalidateQueries({ queryKey: ['tenant', tenant_id] })
  }
  const adding = useMutation({
    mutationFn: () => save([...origins, added.trim()]),
    onSuccess: () => setAdded(''),
  })
  return (
    <section className="stack wide" aria-labelledby="origins">
      <h2 id="origins">Origins of pages</h2>
      <p className="soft">
        A page in a browser can call the gateway for this tenant only from one of these origins. Programs that are no
        browsers need no entry.
      </p>
      {origins.length === 0 && (
        <Empty>No page can call the gateway for this tenant. Add the origin of your page.</Empty>
      )}
      {origins.length > 0 && (
        <ul className="stack tight">
          {origins.map((origin) => (
            <li key={origin} className="row">
              <code className="chip">{origin}</code>
              <button type="button" className="plain hurts" onClick={() => setRemoving(origin)}>
                Remove <span className="visually-hidden">{origin}</span>
              </button>
            </li>
          ))}
        </ul>
      )}
      <form
        className="card"
        onSubmit={(event) => {
          event.preventDefault()
          adding.mutate()
        }}
      >
        <Field
          label="Another origin"
          hint="Scheme, host and port, such as https://app.example.com"
          problem={adding.error}
          pointer="/allowed_origins"
        >
          {(control) => (
            <input
              {...control}
              value={added}
              required
              autoComplete="off"
              onChange={(event) => setAdded(event.target.value)}
            />
          )}
        </Field>
        <ProblemNotice error={adding.error} />
        <div>
          <button type="submit" className="primary" disabled={adding.isPending}>
            {adding.isPending ? 'Adding…' : 'Add the origin'}
          </button>
        </div>
      </form>
      {removing !== undefined && (
        <Confirm
          title="Remove the origin"
          action="Remove"
          onClose={() => setRemoving(undefined)}
          onConfirm={() => save(origins.filter((origin) => origin !== removing))}
        >
          <p>
            The next request of a page at <code>{removing}</code> is refused.
          </p>
        </Confirm>
      )}
    </section>
  )
}
