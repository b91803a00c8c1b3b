import { finished } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyBaseLogger, FastifyReply } from 'fastify'
import pLimit from 'p-limit'
import { unavailable } from '../problems/problems.js'
import { InFlight } from './in-flight.js'

/** One at a time: tasks that no request waits for use one connection of the database, however many there are. */
const CONCURRENT_MAX = 1
/** Beyond it the request that would add a task is refused. A task takes a few milliseconds, so the queue takes a second. */
const TASKS_MAX = 100
/** The pause between a response and its task. The embedded database would block the event loop while the response leaves. */
const PAUSE_MS = 20
/** How long a stop waits. Each statement has its own timeout, but a hundred of them in a row would block the stop. */
const SETTLE_MS_MAX = 3_000

/**
 * Runs tasks after the response, so that response time does not reveal whether there was one. Used where the time would
 * tell a stranger whether an address has an account.
 */
export interface AfterResponseQueue {
  /**
   * Call it before the response, whether or not a task will follow.
   * @throws Problem `service_unavailable` when the queue is full
   */
  assertRoom(): void
  /** Runs the task when the response has been sent or its client is gone. Never throws: the log records a failed task. */
  add(reply: FastifyReply, task: () => Promise<unknown>): void
  /** Waits until all tasks have ended, for at most 3 s, and drops those that have not started by then. */
  settled(): Promise<void>
}

export function openAfterResponseQueue(log: FastifyBaseLogger): AfterResponseQueue {
  const limit = pLimit(CONCURRENT_MAX)
  const in_flight = new InFlight(TASKS_MAX)
  return {
    assertRoom() {
      if (in_flight.is_full) throw unavailable('too many after-response tasks are waiting', 1)
    },
    add(reply, task) {
      const { log: log_of_request } = reply
      in_flight.add(
        finished(reply.raw)
          .catch(() => undefined)
          .then(() => sleep(PAUSE_MS))
          .then(() => limit(task))
          .then(
            () => undefined,
            (error: unknown) => log_of_request.error({ err: error }, 'after-response task failed'),
          ),
      )
    },
    async settled() {
      const tasks = await in_flight.settled(SETTLE_MS_MAX)
      limit.clearQueue()
      if (tasks > 0) log.error({ tasks }, 'after-response tasks still running at shutdown')
    },
  }
}
