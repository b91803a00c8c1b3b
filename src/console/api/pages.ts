/** One page of a list, as the API sends it. */
export interface PageOf<Row> {
  readonly data: Row[]
  readonly next_cursor: string | null
}

export interface PageQuery {
  limit: number
  cursor?: string
}

/** The rows of a page that the console shows. */
export const SHOWN = 50
const LARGEST = 100
/** How many pages a search or a list of choices reads at most. */
const PAGES_MAX = 100

/** The query of one page. Without a cursor, it is the first. */
export function pageQuery(cursor: string | undefined, limit = SHOWN): PageQuery {
  return cursor === undefined ? { limit } : { limit, cursor }
}

/** Reads the pages of a list until `isEnough`, or to its end. */
export async function allPages<Row>(
  load: (query: PageQuery) => Promise<PageOf<Row>>,
  isEnough: (rows: readonly Row[]) => boolean = () => false,
): Promise<Row[]> {
  const rows: Row[] = []
  let cursor: string | undefined
  for (let pages = 0; pages < PAGES_MAX && !isEnough(rows); pages += 1) {
    const page = await load(pageQuery(cursor, LARGEST))
    rows.push(...page.data)
    if (page.next_cursor === null) break
    cursor = page.next_cursor
  }
  return rows
}
