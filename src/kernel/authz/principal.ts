/** Who calls, once the pipeline is through: what handlers and audit events see instead of headers and tokens. */
export type Principal =
  | { readonly kind: 'user'; readonly id: string; readonly session_id: string; readonly key_id: string | null }
  | { readonly kind: 'key'; readonly id: string }
  | { readonly kind: 'operator'; readonly id: string; readonly session_id: string }
