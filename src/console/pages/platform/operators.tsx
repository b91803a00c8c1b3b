import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useSearch } from '@tanstack/react-router'
import { useState } from 'react'
import { api, bodyOf } from '../../api/client'
import { meQuery } from '../../api/me'
import { pageQuery } from '../../api/pages'
import type { Operator } from '../../api/platform'
import { Confirm } from '../../components/dialogs'
import { Empty, Page, Progress } from '../../components/page'
import { Pager } from '../../components/pager'
import { ProblemNotice } from '../../components/problem'
import { AppointDialog } from './appoint'
import { OperatorTable } from './operator-table'

/** The operators of the platform, and the users to whom an appointment is offered. */
export function Operators() {
  const { cursor } = useSearch({ from: '/platform/operators' })
  const queries = useQueryClient()
  const operators = useQuery({
    queryKey: ['platform', 'operators', cursor],
    queryFn: () => bodyOf(api.GET('/v1/platform/operators', { params: { query: pageQuery(cursor) } })),
  })
  const [appointing, setAppointing] = useState<Operator | 'new'>()
  const [dismissing, setDismissing] = useState<Operator>()
  const changed = async () => {
    await queries.invalidateQueries({ queryKey: ['platform', 'operators'] })
    await queries.invalidateQueries(meQuery)
  }
  return (
    <Page
      title="Operators"
      about="An operator runs the platform. A user becomes one by accepting an offer."
      actions={
        <button type="button" className="primary" onClick={() => setAppointing('new')}>
          Offer an appointment
        </button>
      }
    >
      <ProblemNotice error={operators.error} />
      {operators.isPending && <Progress>Loading the operators</Progress>}
      {operators.data?.data.length === 0 && <Empty>There is no operator here. Go to the first page.</Empty>}
      {operators.data !== undefined && operators.data.data.length > 0 && (
        <OperatorTable operators={operators.data.data} onChange={setAppointing} onDismiss={setDismissing} />
      )}
      {operators.data !== undefined && <Pager cursor={cursor} next_cursor={operators.data.next_cursor} />}
      {appointing !== undefined && (
        <AppointDialog
          operator={appointing === 'new' ? undefined : appointing}
          onSaved={changed}
          onClose={() => setAppointing(undefined)}
        />
      )}
      {dismissing !== undefined && (
        <Confirm
          title={`Dismiss ${dismissing.name ?? 'the offer'}`}
          action="Dismiss"
          onClose={() => setDismissing(undefined)}
          onConfirm={async () => {
            await api.DELETE('/v1/platform/operators/{user_id}', {
              params: { path: { user_id: dismissing.user_id } },
            })
            await changed()
          }}
        >
          <p>The next request of this operator on the platform is refused. Their offers to others end.</p>
        </Confirm>
      )}
    </Page>
  )
}
