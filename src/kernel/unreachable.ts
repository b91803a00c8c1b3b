/**
 * The default branch of a `switch` over a closed list of kinds. The parameter is `never`, so a new kind does not compile
 * until the `switch` has a case for it. At run time only a value from outside of the types gets here, such as a row that
 * a later release wrote.
 */
export function unreachable(value: never): never {
  const kind = (value as { kind?: unknown } | null | undefined)?.kind ?? value
  throw new Error(`unknown kind: ${typeof kind === 'string' ? kind : typeof kind}`)
}
