/**
 * A row of the catalogue of problems. `title` and `detail` are in the response. `explanation` is the text of the page at
 * `/problems/{code}`, for the developer who got the response: what it means, and what to do.
 */
export interface ProblemRow {
  readonly status: number
  readonly title: string
  readonly detail: string
  readonly explanation: string
}
