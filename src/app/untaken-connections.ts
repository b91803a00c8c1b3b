import cluster, { type Worker } from 'node:cluster'

/** A message of node:cluster: a connection for a worker, or the worker's acknowledgement. */
interface ClusterMessage {
  readonly act?: string
  readonly seq?: number
  readonly ack?: number
  readonly accepted?: boolean
}

interface Handle {
  close(): void
}

/** The last worker that was given a connection, until that worker or another one has taken it. */
const holders = new Map<Handle, Worker>()
/**
 * The connections that a closing worker has returned and no other one has been given yet, with the workers that can still get
 * them. When these have ended, node:cluster has a new queue for the workers that took their place.
 */
const returned = new Map<Handle, Set<Worker>>()

/**
 * Closes a connection that no worker takes. node:cluster forgets the one that a worker was given and has not taken when it ends,
 * and the one that the last worker returns while it closes. It leaves them open, so that their clients would wait until their
 * own time limit. It gives a worker one connection at a time, so this is about one client.
 *
 * The messages of node:cluster are internal to Node. If a release changes them, this does nothing, and a test fails.
 */
export function closeUntaken(worker: Worker): void {
  const child = worker.process
  const given = new Map<number, Handle>()
  const send = child.send.bind(child) as (...parameters: unknown[]) => boolean
  const close = (handle: Handle) => {
    holders.delete(handle)
    returned.delete(handle)
    handle.close()
  }
  child.send = (...parameters: unknown[]) => {
    const [message, handle] = parameters as [ClusterMessage | undefined, Handle | undefined]
    if (message?.act === 'newconn' && message.seq !== undefined && handle !== undefined) {
      returned.delete(handle)
      holders.set(handle, worker)
      given.set(message.seq, handle)
    }
    return send(...parameters)
  }
  child.on('internalMessage', ({ ack = -1, accepted }: ClusterMessage) => {
    const handle = given.get(ack)
    given.delete(ack)
    // node:cluster hears of a return before this function, and may have given the connection to another worker already.
    if (handle === undefined || holders.get(handle) !== worker) return
    if (accepted === true) {
      holders.delete(handle)
      return
    }
    const able = new Set(
      Object.values(cluster.workers ?? {}).filter((each): each is Worker => each?.isDead() === false),
    )
    if (able.size === 0) close(handle)
    else returned.set(handle, able)
  })
  child.once('exit', () => {
    for (const handle of given.values()) close(handle)
    for (const [handle, able] of returned) {
      able.delete(worker)
      if (able.size === 0) close(handle)
    }
  })
}
