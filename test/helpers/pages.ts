import type { TestGateway } from './gateway.js'
import { type Answer, ask } from './requests.js'

/** The headers that a browser sends when a person opens a link of a mail. */
const OPENED = { accept: 'text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8', 'sec-fetch-site': 'none' }

/** Opens a page as a browser does. */
export function openPageOf(gateway: Pick<TestGateway, 'url'>, path: string): Promise<Answer> {
  return ask(gateway, path, { headers: OPENED })
}

/** Sends the form of a page as a browser does. Other headers replace those of the browser. */
export function submit(
  gateway: Pick<TestGateway, 'url'>,
  path: string,
  form: Readonly<Record<string, string>>,
  headers: Record<string, string> = {},
): Promise<Answer> {
  return ask(gateway, path, { form, headers: { ...OPENED, 'sec-fetch-site': 'same-origin', ...headers } })
}

/** The names of the fields that the form of a page sends. Throws if the page has no form that posts to its own URL. */
export function fieldsIn({ text }: Answer): string[] {
  if (!text.includes('<form method="post">')) throw new Error(`no form in ${text}`)
  return [...text.matchAll(/<input[^>]* name="([^"]*)"/g)].map(([, name]) => name as string)
}

/** The heading of a page, with its entities as they are. */
export function headingOf({ text }: Answer): string | undefined {
  return /<h1>(.*?)<\/h1>/.exec(text)?.[1]
}
