import { html } from '../../../src/kernel/pages/html.js'
import { PAGE_POLICY, renderPage } from '../../../src/kernel/pages/layout.js'
import { t } from '../../helpers/t.js'

const HOSTILE = `"><script>alert('1')</script>&amp;`
const ESCAPED = '&quot;&gt;&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&amp;amp;'

// Attack: a value of a client ends the attribute or the element that it is in, and begins a script.
t.test('every value of a template is escaped, in text and in attributes, unless it is markup itself', async (t) => {
  t.equal(html`<p title="${HOSTILE}">${HOSTILE}</p>`.markup, `<p title="${ESCAPED}">${ESCAPED}</p>`)
  t.equal(html`<ul>${[1, 2].map((item) => html`<li>${item}</li>`)}</ul>`.markup, '<ul><li>1</li><li>2</li></ul>')
  t.equal(html`${[HOSTILE, undefined, html`<b>${'&'}</b>`]}`.markup, `${ESCAPED}<b>&amp;</b>`)
  t.throws(() => html`${{ markup: '<b>' } as never}`, 'an object that only looks like markup')
})

t.test('a page escapes its title, and its policy allows its own style sheet and nothing else', async (t) => {
  const page = renderPage({ title: HOSTILE, body: HOSTILE, home: HOSTILE })
  t.notMatch(page, '<script')
  t.match(page, ESCAPED)
  t.match(
    PAGE_POLICY,
    /^default-src 'none'; style-src 'sha256-[\w+/]{43}='; base-uri 'none'; form-action 'none'; frame-ancestors 'none'$/,
  )
})
