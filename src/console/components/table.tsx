import type { ReactNode } from 'react'

/** The heading of a column. Numbers stand at the right. */
type Column = string | { readonly numeric: string }

interface TableProps {
  readonly columns: readonly Column[]
  /** Whether a last column without a visible heading has buttons. */
  readonly has_actions?: boolean
  /** The rows. */
  readonly children: ReactNode
}

/** A table that scrolls within its frame on a narrow screen. */
export function Table({ columns, has_actions = false, children }: TableProps) {
  return (
    <div className="table-frame">
      <table>
        <thead>
          <tr>
            {columns.map((column) =>
              typeof column === 'string' ? (
                <th key={column} scope="col">
                  {column}
                </th>
              ) : (
                <th key={column.numeric} scope="col" className="number">
                  {column.numeric}
                </th>
              ),
            )}
            {has_actions && (
              <th scope="col">
                <span className="visually-hidden">Actions</span>
              </th>
            )}
          </tr>
        </thead>
        <tbody>{children}</tbody>
      </table>
    </div>
  )
}
