/** Returns the LIKE pattern for values that contain a text. It escapes the wildcards in the text. */
export function anywhere(text: string): string {
  return `%${text.replaceAll(/[\\%_]/g, '\\$&')}%`
}
