import { Link } from '@tanstack/react-router'

/** The page of a list in the URL. Each page of a list has a link, and the browser goes back to the page before. */
export interface ListSearch {
  readonly cursor?: string
}

export function readListSearch(search: Record<string, unknown>): ListSearch {
  return typeof search.cursor === 'string' ? { cursor: search.cursor } : {}
}

interface PagerProps {
  readonly cursor: string | undefined
  readonly next_cursor: string | null
}

/** Links to the first and to the next page. A list that fits into one page has none. */
export function Pager({ cursor, next_cursor }: PagerProps) {
  if (cursor === undefined && next_cursor === null) return null
  return (
    <nav className="row" aria-label="Pages of the list">
      {cursor !== undefined && (
        <Link className="button" to="." search={({ cursor: _, ...rest }) => rest}>
          First page
        </Link>
      )}
      {next_cursor !== null && (
        <Link className="button" to="." search={(search) => ({ ...search, cursor: next_cursor })}>
          Next page
        </Link>
      )}
    </nav>
  )
}
