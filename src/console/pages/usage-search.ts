/** The time ranges of the page. Shorter ones are shown by the hour. */
export const RANGES = {
  day: { name: 'Last 24 hours', hours: 24, group_by: 'hour' },
  days: { name: 'Last 3 days', hours: 72, group_by: 'hour' },
  week: { name: 'Last 7 days', hours: 168, group_by: 'day' },
  month: { name: 'Last 30 days', hours: 720, group_by: 'day' },
  quarter: { name: 'Last 90 days', hours: 2_160, group_by: 'day' },
} as const
export type Range = keyof typeof RANGES

/** What the table below the plots is grouped by. */
export const GROUPS = { code: 'Problem', route: 'Route', key: 'Key', status: 'Status' } as const
export type Group = keyof typeof GROUPS

export interface UsageSearch {
  readonly range?: Range
  readonly by?: Group
}

export function readUsageSearch({ range, by }: Record<string, unknown>): UsageSearch {
  return {
    ...(isNameIn(RANGES, range) && { range }),
    ...(isNameIn(GROUPS, by) && { by }),
  }
}

function isNameIn<Names extends object>(names: Names, name: unknown): name is keyof Names {
  return typeof name === 'string' && Object.hasOwn(names, name)
}
