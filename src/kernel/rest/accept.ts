/** A media range with its weight: `type/subtype`, parameters, and `q` (RFC 9110 section 12.5.1). */
const WEIGHT = /^q=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)$/

/**
 * Returns the most specific range of an Accept header that matches a media type without parameters, such as `text/*`.
 * Undefined if no range matches, or if the weight of the most specific one is 0. A request without the header accepts every
 * type.
 *
 * A range with parameters other than `q` and `charset` names another representation and is ignored, and so is a range that
 * is no media range.
 */
export function acceptedRange(accept: string | undefined, media_type: string): string | undefined {
  const match = matchOf(accept, media_type)
  return match === undefined || match.weight === 0 ? undefined : match.range
}

/**
 * Returns the media type that an Accept header prefers among those that a route can produce; undefined if it accepts none
 * of them. Of two with the same weight it returns the one that is earlier in the list.
 */
export function preferredType<Type extends string>(
  accept: string | undefined,
  media_types: readonly Type[],
): Type | undefined {
  const weightOfType = (type: string) => matchOf(accept, type)?.weight ?? 0
  const [best] = media_types.toSorted((left, right) => weightOfType(right) - weightOfType(left))
  return best === undefined || weightOfType(best) === 0 ? undefined : best
}

/** Returns the most specific range that matches a media type, and its weight. */
function matchOf(accept: string | undefined, media_type: string): { range: string; weight: number } | undefined {
  if (accept === undefined) return { range: '*/*', weight: 1 }
  const [type] = media_type.split('/')
  const weights = new Map<string, number>()
  for (const part of accept.toLowerCase().split(',')) {
    const [range = '', ...parameters] = part.split(';').map((each) => each.trim())
    const weight = weightOf(parameters)
    if (weight !== undefined) weights.set(range, Math.max(weight, weights.get(range) ?? 0))
  }
  const range = [media_type, `${type}/*`, '*/*'].find((each) => weights.has(each))
  return range === undefined ? undefined : { range, weight: weights.get(range) ?? 0 }
}

/** Returns the weight of a range; undefined for parameters that the media type does not have. */
function weightOf(parameters: readonly string[]): number | undefined {
  const others = parameters.filter((each) => each !== '' && !each.startsWith('charset='))
  const [weight] = others
  if (weight === undefined) return 1
  const value = WEIGHT.exec(weight)?.[1]
  return value === undefined || others.length > 1 ? undefined : Number(value)
}

/** Whether a client names HTML itself, as a browser does. A program that takes everything gets what programs get. */
export function asksForHtml(accept: string | undefined): boolean {
  const range = acceptedRange(accept, 'text/html')
  return range === 'text/html' || range === 'text/*'
}
