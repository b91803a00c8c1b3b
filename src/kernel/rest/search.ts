import { Type } from 'typebox'
import type { Page } from './pagination.js'

/** The bounds of a text to search for. */
const SEARCH_CHARACTERS_MAX = 100

/** The query parameter of a list that can be searched. @param fields the names of the searched fields, in words */
export function searchIn(fields: string) {
  return {
    search: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: SEARCH_CHARACTERS_MAX,
        description: `Text that ${fields} contains, ignoring case. Every character stands for itself, also % and _.`,
      }),
    ),
  }
}

/** A page of a list that can be searched. */
export interface SearchedPage extends Page {
  /** Undefined for the whole list. */
  readonly search?: string | undefined
}
