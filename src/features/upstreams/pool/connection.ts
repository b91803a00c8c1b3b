import type { Socket } from 'node:net'
import { type buildConnector, Client, type Dispatcher } from 'undici'

/** A handler that can end the connection of its request. The connection sets the function. */
export interface EndsConnection {
  endConnection: (error: Error) => void
}

/**
 * Makes one connection of a pool. If undici aborts a request, it closes the connection and opens another one, because it
 * takes the aborted request for one that waits. The new connection would occupy the service for the whole keep-alive
 * timeout, once for each client that disconnects. undici opens none if the connection broke, so the handler breaks it.
 */
export function openConnection(origin: URL, options: object): Client {
  const { connect } = options as { readonly connect: buildConnector.connector }
  let socket: Socket | null = null
  const client = new Client(origin, {
    ...options,
    connect(target, done) {
      connect(target, (...result) => {
        socket = result[1]
        done(...result)
      })
    },
  })
  const dispatch = client.dispatch.bind(client)
  client.dispatch = (
    request: Dispatcher.DispatchOptions,
    handler: Dispatcher.DispatchHandler & Partial<EndsConnection>,
  ) => {
    if (handler.endConnection !== undefined) handler.endConnection = (error) => void socket?.destroy(error)
    return dispatch(request, handler)
  }
  return client
}
