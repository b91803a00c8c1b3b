import { useQuery } from '@tanstack/react-query'
import { useParams, useSearch } from '@tanstack/react-router'
import { api, bodyOf } from '../api/client'
import { isExplanation } from '../api/explanation'
import { Page, Progress } from '../components/page'
import { ProblemNotice } from '../components/problem'
import { WhyAnswer } from './why-answer'
import { WhyQuestion } from './why-question'
import { WhyRecorded } from './why-recorded'
import type { WhySearch } from './why-search'

/** Explains why a member or a key may or may not send a request, and offers what would change it. */
export function Why() {
  const { tenant_id } = useParams({ from: '/t/$tenant_id' })
  const question = useSearch({ from: '/t/$tenant_id/why' })
  return (
    <Page
      title="Why?"
      about="Ask why a request was refused, or why a member or a key would get a response. The gateway decides as it would for the request, and does not send it."
    >
      {/* A question from another link begins with other fields. */}
      <WhyQuestion key={JSON.stringify(question)} tenant_id={tenant_id} question={question} />
      {(question.path ?? question.request_id) !== undefined && <Answer tenant_id={tenant_id} question={question} />}
    </Page>
  )
}

function Answer({ tenant_id, question }: { readonly tenant_id: string; readonly question: WhySearch }) {
  const { path = '', method = 'GET', request_id, ...more } = question
  const explained = useQuery({
    queryKey: ['explain', tenant_id, question],
    queryFn: () =>
      bodyOf(
        api.POST('/v1/tenants/{tenant_id}/access/explain', {
          params: { path: { tenant_id } },
          body: request_id === undefined ? { method, path, ...more } : { request_id },
        }),
      ),
    staleTime: 0,
  })
  if (explained.error !== null) return <ProblemNotice error={explained.error} />
  if (explained.data === undefined) return <Progress>Asking the gateway</Progress>
  if (!isExplanation(explained.data)) return <WhyRecorded tenant_id={tenant_id} refusal={explained.data} />
  return <WhyAnswer tenant_id={tenant_id} explanation={explained.data} />
}
