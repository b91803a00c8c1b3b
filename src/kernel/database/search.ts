/** The pattern of LIKE for a text anywhere. What LIKE would take as a pattern is escaped. */
export function anywhere(text: string): string {
  return `%${text.replaceAll(/[\\%_]/g, '\\$&')}%`
}
