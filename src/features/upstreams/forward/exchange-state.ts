import type { Attempt } from './attempt.js'

/** Where an exchange is. Each state has only what exists in it. */
export type ExchangeState =
  /** No backend has the request. */
  | { readonly kind: 'choosing' }
  /** An attempt is running. The client has received nothing. */
  | { readonly kind: 'sent'; readonly attempt: Attempt }
  /** The client has received the head of the response. */
  | { readonly kind: 'answering'; readonly attempt: Attempt; readonly resume: () => void }
  /** The client has its response, or has disconnected. */
  | { readonly kind: 'over' }

type Kind = ExchangeState['kind']

export const CHOOSING: ExchangeState = { kind: 'choosing' }
export const OVER: ExchangeState = { kind: 'over' }

const NEXT: Readonly<Record<Kind, readonly Kind[]>> = {
  choosing: ['sent', 'over'],
  sent: ['choosing', 'answering', 'over'],
  answering: ['over'],
  over: [],
}

/** Returns the next state. @throws Error for a transition that `NEXT` does not list */
export function nextState(before: ExchangeState, next: ExchangeState): ExchangeState {
  if (NEXT[before.kind].includes(next.kind)) return next
  throw new Error(`an exchange cannot go from ${before.kind} to ${next.kind}`)
}
