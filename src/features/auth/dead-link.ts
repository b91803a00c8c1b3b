import { Problem } from '../../kernel/problems/problems.js'

/** The one response for every link that does not work, so that it reveals nothing about the reason. */
export function deadLink(): Problem {
  return new Problem('not_found', { detail: 'The link is unknown, already used, or expired. Request a new one.' })
}
