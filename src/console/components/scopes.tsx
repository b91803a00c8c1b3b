/** Scopes, one after another. */
export function Scopes({ scopes }: { readonly scopes: readonly string[] }) {
  return scopes.map((scope) => (
    <span key={scope}>
      <code className="chip">{scope}</code>{' '}
    </span>
  ))
}
