import { acceptedRange } from '../../../src/kernel/rest/accept.js'
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
