import { ApiProblem } from '../api/problem'

/**
 * A refusal of the API in its own words, with the id of the request and the page that explains the code. Any other error is
 * one of the network.
 */
export function ProblemNotice({ error }: { readonly error: unknown }) {
  if (error === null || error === undefined) return null
  return (
    <div className="problem" role="alert">
      {error instanceof ApiProblem ? <Refusal problem={error} /> : <NoAnswer />}
    </div>
  )
}

function Refusal({ problem: { body, retry_after } }: { readonly problem: ApiProblem }) {
  return (
    <>
      <strong>{body.title}</strong>
      <p>{body.detail}</p>
      {body.errors !== undefined && (
        <ul className="bullets">
          {body.errors.map(({ pointer, parameter, message }) => (
            <li key={`${pointer}${parameter}${message}`}>
              <code>{pointer ?? parameter}</code> {message}
            </li>
          ))}
        </ul>
      )}
      <ScopeList title="Missing" scopes={body.missing} />
      <ScopeList title="More than you hold" scopes={body.exceeding_scopes} />
      <ScopeList title="Granted by the roles" scopes={body.granted_by_roles} />
      {retry_after !== undefined && <p>Try again in {retry_after} s.</p>}
      <small>
        Request <code>{body.request_id}</code>
        {body.code !== '' && (
          <>
            {' · '}
            <a href={`/problems/${encodeURIComponent(body.code)}`} target="_blank" rel="noreferrer">
              What <code>{body.code}</code> means
            </a>
          </>
        )}
      </small>
    </>
  )
}

function ScopeList({ title, scopes }: { readonly title: string; readonly scopes: readonly string[] | undefined }) {
  if (scopes === undefined || scopes.length === 0) return null
  return (
    <p>
      {title}:{' '}
      {scopes.map((scope) => (
        <span key={scope}>
          <code className="chip">{scope}</code>{' '}
        </span>
      ))}
    </p>
  )
}

function NoAnswer() {
  return (
    <>
      <strong>No response</strong>
      <p>The gateway did not answer. Check the connection, then try again.</p>
    </>
  )
}
