import { useNavigate } from '@tanstack/react-router'
import { useState } from 'react'
import { useHolds } from '../api/me'
import { useScopes } from '../api/scopes'
import { Field } from '../components/field'
import { METHODS, type Method, type WhySearch } from './why-search'
import { KeyField, MemberField } from './why-subject'

type Kind = 'refusal' | 'me' | 'member' | 'key'

interface QuestionProps {
  readonly tenant_id: string
  readonly question: WhySearch
}

/** The form of the question. It writes the question into the URL, so that the answer has a link. */
export function WhyQuestion({ tenant_id, question }: QuestionProps) {
  const navigate = useNavigate()
  const holds = useHolds(tenant_id)
  const [kind, setKind] = useState<Kind>(kindOf(question))
  const [user_id, setUserId] = useState(question.user_id)
  const [key_id, setKeyId] = useState(question.key_id)
  const submit = (form: FormData) => {
    const text = (name: string) => String(form.get(name) ?? '').trim() || undefined
    if (kind === 'refusal') {
      void navigate({ to: '/t/$tenant_id/why', params: { tenant_id }, search: { request_id: text('request_id') } })
      return
    }
    const search = {
      request_id: undefined,
      user_id: kind === 'member' ? user_id : undefined,
      key_id: kind === 'key' ? (key_id ?? text('key_id')) : undefined,
      method: text('method') as Method,
      path: text('path'),
      address: text('address'),
      origin: text('origin'),
    }
    void navigate({ to: '/t/$tenant_id/why', params: { tenant_id }, search: clean(search) })
  }
  return (
    <form
      className="card"
      onSubmit={(event) => {
        event.preventDefault()
        submit(new FormData(event.currentTarget))
      }}
    >
      <div className="form-row">
        <Field label="Whose request" narrow>
          {(control) => (
            <select {...control} value={kind} onChange={(event) => setKind(event.target.value as Kind)}>
              <option value="me">My own</option>
              {holds('users:manage') && <option value="member">A member</option>}
              {holds('users:manage') && <option value="key">A key alone</option>}
              <option value="refusal">A request that was refused</option>
            </select>
          )}
        </Field>
        {kind === 'member' && <MemberField tenant_id={tenant_id} first_id={question.user_id} onChoose={setUserId} />}
        {kind === 'key' && holds('keys:manage') && (
          <KeyField tenant_id={tenant_id} first_id={question.key_id} onChoose={setKeyId} />
        )}
        {kind === 'key' && !holds('keys:manage') && (
          <Field label="Id of the key">
            {(control) => <input {...control} name="key_id" defaultValue={key_id} required />}
          </Field>
        )}
        {kind === 'refusal' ? (
          <Field label="Request id" hint="The response has it as request_id, and in the header X-Request-ID">
            {(control) => (
              <input
                {...control}
                name="request_id"
                defaultValue={question.request_id}
                maxLength={128}
                autoComplete="off"
                required
              />
            )}
          </Field>
        ) : (
          <RequestFields tenant_id={tenant_id} question={question} />
        )}
      </div>
      <details hidden={kind === 'refusal'} open={question.address !== undefined || question.origin !== undefined}>
        <summary>From a certain address or page</summary>
        <div className="form-row">
          <Field label="IP address">
            {(control) => <input {...control} name="address" defaultValue={question.address} autoComplete="off" />}
          </Field>
          <Field label="Origin of the page" hint="Such as https://app.example.com">
            {(control) => <input {...control} name="origin" defaultValue={question.origin} autoComplete="off" />}
          </Field>
        </div>
      </details>
      <div>
        <button type="submit" className="primary">
          Explain
        </button>
      </div>
    </form>
  )
}

function RequestFields({ tenant_id, question }: QuestionProps) {
  const scopes = useScopes(tenant_id)
  const paths = new Set(scopes.data?.flatMap(({ routes }) => routes.map((route) => route.split(' ')[1] ?? '')))
  return (
    <>
      <Field label="Method" narrow>
        {(control) => (
          <select {...control} name="method" defaultValue={question.method ?? 'GET'}>
            {METHODS.map((method) => (
              <option key={method}>{method}</option>
            ))}
          </select>
        )}
      </Field>
      <Field label="Path">
        {(control) => (
          <input
            {...control}
            name="path"
            defaultValue={question.path}
            placeholder="/v1/customers"
            pattern="/.*"
            list="known-paths"
            autoComplete="off"
            required
          />
        )}
      </Field>
      <datalist id="known-paths">
        {[...paths].map((path) => (
          <option key={path} value={path} />
        ))}
      </datalist>
    </>
  )
}

function kindOf({ user_id, key_id, request_id }: WhySearch): Kind {
  if (request_id !== undefined) return 'refusal'
  if (key_id !== undefined) return 'key'
  return user_id === undefined ? 'me' : 'member'
}

function clean(search: Record<keyof WhySearch, string | undefined>): WhySearch {
  return Object.fromEntries(Object.entries(search).filter(([, value]) => value !== undefined)) as WhySearch
}
