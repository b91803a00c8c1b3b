import { inTime } from '../jobs/in-time.js'
import { type Database, FACTS_SHARE } from './database.js'

/** Whether the database answers a question that takes it no time, within `ms_max`. */
export async function answers(database: Database, ms_max: number): Promise<boolean> {
  const question = { text: 'select 1', values: [], row_mode: 'array' } as const
  const rows = await inTime(database.readOne({ role: 'gatehouse_platform', share: FACTS_SHARE }, question), ms_max)
  return rows !== undefined
}
