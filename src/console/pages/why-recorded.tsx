import type { ExplainedRefusal } from '../api/explanation'
import { Instant } from '../components/instant'
import { Scopes } from '../components/scopes'
import { WhyAnswer } from './why-answer'

interface RecordedProps {
  readonly tenant_id: string
  readonly refusal: ExplainedRefusal
}

/** The refusal that a request got, as the audit recorded it, and what the gateway would decide now. */
export function WhyRecorded({ tenant_id, refusal }: RecordedProps) {
  const { recorded, now, detail } = refusal
  return (
    <>
      <section className="card" aria-labelledby="recorded">
        <h2 id="recorded" className="verdict no">
          The gateway refused it: {recorded.title}
        </h2>
        <p>{recorded.detail}</p>
        <dl className="facts">
          <dt>Response</dt>
          <dd>
            {recorded.status}{' '}
            <a href={`/problems/${encodeURIComponent(recorded.code)}`} target="_blank" rel="noreferrer">
              <code>{recorded.code}</code>
            </a>
          </dd>
          <dt>Route</dt>
          <dd>
            <code>{recorded.route}</code>
          </dd>
          <dt>Caller</dt>
          <dd>
            {recorded.principal.kind} {recorded.principal.id !== null && <code>{recorded.principal.id}</code>}
          </dd>
          <dt>Time</dt>
          <dd>
            <Instant at={recorded.at} />
            {recorded.count > 1 && `, and ${recorded.count - 1} similar refusals within 10 s`}
          </dd>
          {recorded.missing.length > 0 && (
            <>
              <dt>Missing</dt>
              <dd>
                <Scopes scopes={recorded.missing} />
              </dd>
            </>
          )}
        </dl>
      </section>
      {now === null ? (
        <section className="card">
          <p>{detail}</p>
        </section>
      ) : (
        <>
          <h2>What the gateway would decide now</h2>
          <WhyAnswer tenant_id={tenant_id} explanation={now} />
        </>
      )}
    </>
  )
}
