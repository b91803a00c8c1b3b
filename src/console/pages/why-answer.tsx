import type { Explanation } from '../api/explanation'
import { Scopes } from '../components/scopes'
import { WhyKeyRemedies, WhyMemberRemedies } from './why-remedies'

/** The words that the console uses for the kinds of access. */
const ACCESS: Readonly<Record<string, string>> = {
  open: 'everybody, without credentials',
  user: 'every signed-in user',
  member: 'members of the tenant in the path',
  tenant: 'a key of the tenant, with or without a user',
  operator: 'operators of the platform',
}

interface AnswerProps {
  readonly tenant_id: string
  readonly explanation: Explanation
}

/** The decision of the gateway in words, and the buttons that would change it. */
export function WhyAnswer({ tenant_id, explanation }: AnswerProps) {
  const { allowed, detail, route, conditions, required, missing, refused_before } = explanation
  return (
    <section className="card" aria-labelledby="verdict">
      <h2 id="verdict" className={allowed ? 'verdict yes' : 'verdict no'}>
        {verdictOf(explanation)}
      </h2>
      <p>{detail}</p>
      {conditions.length > 0 && (
        <>
          <h3>What the request must have besides</h3>
          <ul className="bullets">
            {conditions.map((condition) => (
              <li key={condition}>{condition}</li>
            ))}
          </ul>
        </>
      )}
      <dl className="facts">
        <dt>Route</dt>
        <dd>
          <code>
            {route.method} {route.url}
          </code>
          , for {ACCESS[route.access] ?? route.access}
        </dd>
        <dt>Requires</dt>
        <dd>{required.length === 0 ? 'no scope' : <Scopes scopes={required} />}</dd>
        {missing.length > 0 && (
          <>
            <dt>Missing</dt>
            <dd>
              <Scopes scopes={missing} />
            </dd>
          </>
        )}
        {refused_before !== null && (
          <>
            <dt>Refused with</dt>
            <dd>
              <a href={`/problems/${encodeURIComponent(refused_before)}`} target="_blank" rel="noreferrer">
                <code>{refused_before}</code>
              </a>
            </dd>
          </>
        )}
      </dl>
      {!allowed && explanation.principal.kind === 'user' && (
        <WhyMemberRemedies tenant_id={tenant_id} explanation={explanation} />
      )}
      {!allowed && explanation.principal.kind === 'key' && (
        <WhyKeyRemedies tenant_id={tenant_id} explanation={explanation} />
      )}
    </section>
  )
}

function verdictOf({ allowed, conditions }: Explanation): string {
  if (!allowed) return 'Refused'
  return conditions.length === 0 ? 'Allowed' : 'Allowed, on conditions'
}
