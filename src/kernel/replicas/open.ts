import type { Database } from '../database/database.js'
import type { JobLog } from '../jobs/schedule.js'
import { feedOf } from './listening-feed.js'
import { LoneReplica } from './lone-replica.js'
import type { Replica } from './replica.js'
import { SharedReplica } from './shared-replica.js'

/** Makes this process a replica of its database. */
export async function openReplica(database: Database, log: JobLog): Promise<Replica> {
  if (database.listen === undefined) return LoneReplica.open(database)
  const replica = new SharedReplica(feedOf(database.listen), log)
  await replica.start()
  return replica
}
