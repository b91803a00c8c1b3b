import { acceptedRange, preferredType } from '../../../src/kernel/rest/accept.js'
import { t } from '../../helpers/t.js'

t.test('the most specific range of Accept decides, and a weight of 0 refuses', async (t) => {
  for (const [accept, expected] of [
    [undefined, '*/*'],
    ['', undefined],
    ['text/event-stream', 'text/event-stream'],
    ['Text/Event-Stream', 'text/event-stream'],
    ['text/event-stream;q=0.001', 'text/event-stream'],
    ['text/event-stream; charset=utf-8', 'text/event-stream'],
    ['text/event-stream ; Q=1.000', 'text/event-stream'],
    ['text/*', 'text/*'],
    ['text/*;q=0.5, application/json', 'text/*'],
    ['*/*', '*/*'],
    ['application/json, */*;q=0.1', '*/*'],
    ['application/json', undefined],
    ['application/*', undefined],
    ['text/event-stream;q=0', undefined],
    ['text/event-stream;q=0.000, text/*, */*', undefined],
    ['text/event-stream, text/*;q=0', 'text/event-stream'],
    ['text/*;q=0, */*', undefined],
    ['*/*;q=0', undefined],
    ['text/event-stream;q=0, text/event-stream', 'text/event-stream'],
    ['text/event-stream;version=2', undefined],
    ['text/event-stream;q=2', undefined],
    ['text/event-stream;q=-1, */*', '*/*'],
    ['text/event-streams', undefined],
    ['x-text/event-stream', undefined],
    ['text/event-stream;q=0;x=text/event-stream', undefined],
  ] as const) {
    t.equal(acceptedRange(accept, 'text/event-stream'), expected, String(accept))
  }
})

t.test('the type with the greatest weight is preferred, and of equal ones the first of the route', async (t) => {
  const [JSON_TYPE, HTML_TYPE] = ['application/json', 'text/html'] as const
  for (const [accept, expected] of [
    [undefined, JSON_TYPE],
    ['*/*', JSON_TYPE],
    // What Chromium and Firefox send.
    ['text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8', HTML_TYPE],
    ['text/html', HTML_TYPE],
    ['application/json', JSON_TYPE],
    ['text/html, application/json', JSON_TYPE],
    ['text/html;q=0.5, application/json;q=0.4', HTML_TYPE],
    ['text/html;q=0.4, application/json;q=0.5', JSON_TYPE],
    ['text/*, */*;q=0.5', HTML_TYPE],
    ['text/html;q=0, */*', JSON_TYPE],
    ['application/json;q=0, */*;q=0.1', HTML_TYPE],
    ['text/html;q=0, application/json;q=0, */*', undefined],
    ['image/png', undefined],
    ['', undefined],
  ] as const) {
    t.equal(preferredType(accept, [JSON_TYPE, HTML_TYPE]), expected, String(accept))
  }
})
