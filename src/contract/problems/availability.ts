import type { ProblemRow } from './row.js'

/** Problems of the gateway and of the services behind it: budgets, connections, failures. */
export const AVAILABILITY_PROBLEMS = {
  rate_limited: {
    status: 429,
    title: 'Too many requests',
    detail: 'The caller has used up a budget. Retry after the seconds in Retry-After.',
    explanation:
      'violated_policies names the budget. RateLimit-Policy gives its size, and RateLimit gives what is left of it.',
  },
  too_many_connections: {
    status: 429,
    title: 'Too many open connections',
    detail: 'The caller has the maximum number of open connections. Close one first.',
    explanation:
      'The number of open sockets, streams and waiting polls is limited per user and per tenant. A client that reconnects without closing its old connection reaches this limit. The gateway closes a connection that is silent for a minute.',
  },
  connection_silent: {
    status: 408,
    title: 'Connection silent',
    detail: 'The gateway received nothing on this connection for a minute.',
    explanation:
      'A client answers the pings of the gateway, as every WebSocket library does by itself, or sends {"type":"ping"}. If it does neither for 60 seconds, the gateway closes the connection.',
  },
  connection_slow: {
    status: 503,
    title: 'Reader too slow',
    detail: 'The client reads more slowly than the gateway sends, and the send buffer of this connection is full.',
    explanation:
      'The gateway buffers a limited number of bytes for each connection. Connect again with ?after=<seq> of the last message that you have. No message is lost.',
  },
  internal_error: {
    status: 500,
    title: 'Internal error',
    detail: 'The gateway failed. The request is not at fault. Give request_id to the operator.',
    explanation: 'The operator finds the cause in the log by the request id.',
  },
  service_unavailable: {
    status: 503,
    title: 'Service unavailable',
    detail:
      'A part of the gateway that this request needs is unavailable or busy. Retry after the seconds in Retry-After.',
    explanation: 'The gateway has decided nothing and changed nothing. Retry after the seconds in Retry-After.',
  },
  upstream_unreachable: {
    status: 502,
    title: 'Upstream unreachable',
    detail: 'The service behind the gateway accepts no connections.',
    explanation:
      'The gateway authorised the request but could not connect to the service. The service received nothing. The operator finds the reason in the log by the request id.',
  },
  upstream_bad_answer: {
    status: 502,
    title: 'Bad response of the upstream',
    detail: 'The service behind the gateway sent no valid response.',
    explanation:
      'The service closed the connection before its response, its response was not valid HTTP, or it answered a WebSocket handshake with a server error. The service may or may not have carried out the request. The operator finds the reason in the log by the request id.',
  },
  upstream_no_web_socket: {
    status: 502,
    title: 'No such WebSocket upstream',
    detail: 'The service behind the gateway refused the WebSocket handshake. Poll its routes instead.',
    explanation:
      'The gateway authorised and forwarded the handshake, and the service did not upgrade the connection. upstream_status is the status of its response. Another attempt will not help. poll lists the routes of that service that you can poll instead.',
  },
  upstream_refused_caller: {
    status: 502,
    title: 'Upstream refused the caller',
    detail: 'The gateway authorised the WebSocket handshake, but the service behind it refuses this caller.',
    explanation:
      'The credentials for the gateway are valid, and another attempt with them gets the same response. upstream_status is the status of the response of the service. The operator of the service decides whom it accepts.',
  },
  upstream_rate_limited: {
    status: 429,
    title: 'Upstream rate limit',
    detail:
      'The service behind the gateway receives too many WebSocket handshakes. Retry after the seconds in Retry-After.',
    explanation:
      'The service answered the handshake with 429. It is a limit of the service: no budget of the gateway is used up. Retry-After is that of the service, or 5 if it sent none.',
  },
  upstream_busy: {
    status: 503,
    title: 'Upstream busy',
    detail:
      'The service behind the gateway accepts no WebSocket handshakes at the moment. Retry after the seconds in Retry-After.',
    explanation:
      'The service answered the handshake with 503. Retry-After is that of the service, or 5 if it sent none. The gateway continues to send requests to the service.',
  },
  upstream_timeout: {
    status: 504,
    title: 'Upstream timeout',
    detail: 'The service behind the gateway did not respond in time.',
    explanation:
      'The service may still be working on the request, or may not have received it. Check the state before you repeat a request that must not run twice.',
  },
  upstream_unavailable: {
    status: 503,
    title: 'Upstream unavailable',
    detail:
      'The gateway sends no requests to the service behind it at the moment. Retry after the seconds in Retry-After.',
    explanation:
      'The service failed repeatedly, its health check fails, or it already has its maximum number of requests. The service received nothing.',
  },
} as const satisfies Record<string, ProblemRow>
