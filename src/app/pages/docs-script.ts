/**
 * The script of the API reference. It is text, because only browsers run it; `test/browser/docs.test.ts` runs it in one.
 *
 * The three credentials are in the session storage of the tab, under one name that other pages of the gateway can write. They
 * end with the tab, no other origin can read them, and the browser sends them nowhere by itself.
 */
export const CREDENTIALS_ITEM = 'gatehouse.credentials'

export const DOCS_SCRIPT = `'use strict'
const ITEM = '${CREDENTIALS_ITEM}'
const NAMES = ['access_token', 'tenant_id', 'tenant_key']
const status = document.getElementById('credentials')
const forget = document.getElementById('forget')
const demo = document.getElementById('demo')
let ui
let filling = false

function stored() {
  try {
    const value = JSON.parse(sessionStorage.getItem(ITEM) || '{}')
    return Object.fromEntries(NAMES.filter((name) => typeof value[name] === 'string').map((name) => [name, value[name]]))
  } catch {
    return {}
  }
}

function store(credentials) {
  const kept = Object.fromEntries(NAMES.filter((name) => credentials[name]).map((name) => [name, credentials[name]]))
  if (Object.keys(kept).length === 0) sessionStorage.removeItem(ITEM)
  else sessionStorage.setItem(ITEM, JSON.stringify(kept))
}

function show() {
  const names = { access_token: 'access token', tenant_id: 'X-TENANT-ID', tenant_key: 'X-TENANT-API-KEY' }
  const held = Object.keys(stored()).map((name) => names[name])
  forget.hidden = held.length === 0
  status.textContent = held.length === 0
    ? 'No credentials yet. Log in with POST /v1/auth/login, or choose Authorize.'
    : 'Filled in until this tab is closed: ' + held.join(', ') + '.'
}

/** Writes the stored credentials into the forms of Swagger UI. */
function fill() {
  const { access_token, tenant_id, tenant_key } = stored()
  filling = true
  // Without any authorisation, Swagger UI has no state to remove them from.
  if (ui.authSelectors.authorized()?.size > 0) ui.authActions.logout(NAMES)
  if (access_token) ui.preauthorizeApiKey('access_token', access_token)
  if (tenant_id) ui.preauthorizeApiKey('tenant_id', tenant_id)
  if (tenant_key) ui.preauthorizeApiKey('tenant_key', tenant_key)
  filling = false
  show()
}

function use(credentials) {
  store({ ...stored(), ...credentials })
  fill()
}

/** A login on this page, a new tenant or a new key fills in what it returned. */
function learn(response) {
  const path = new URL(response.url, location.href).pathname
  const body = response.ok ? response.body || {} : {}
  if (path === '/v1/auth/login' || path === '/v1/auth/refresh') {
    if (typeof body.access === 'string') use({ access_token: body.access })
  } else if (path === '/v1/auth/logout' && response.ok) use({ access_token: '' })
  else if (path === '/v1/tenants' && typeof body.key === 'string') use({ tenant_id: body.id, tenant_key: body.key })
  return response
}

/** Keeps what a person types into the dialog of Swagger UI. */
const keeping = () => ({
  statePlugins: {
    auth: {
      wrapActions: {
        authorize: (original) => (payload) => {
          const result = original(payload)
          const typed = Object.fromEntries(NAMES.filter((name) => payload[name]).map((name) => [name, payload[name].value]))
          if (!filling) store({ ...stored(), ...typed })
          show()
          return result
        },
        logout: (original) => (names) => {
          if (!filling) store({ ...stored(), ...Object.fromEntries(names.map((name) => [name, ''])) })
          show()
          return original(names)
        },
      },
    },
  },
})
async function useDemo() {
  demo.disabled = true
  try {
    const { email, password, tenant_id, tenant_key } = await (await fetch('/docs/demo')).json()
    const body = JSON.stringify({ email, password })
    const headers = { 'content-type': 'application/json' }
    const login = await fetch('/v1/auth/login', { method: 'POST', headers, body })
    const { access, detail } = await login.json()
    if (!login.ok) status.textContent = detail
    else use({ access_token: access, tenant_id, tenant_key })
  } catch {
    status.textContent = 'The gateway does not respond.'
  }
  demo.disabled = false
}

async function main() {
  const spec = await (await fetch('/openapi.json')).json()
  ui = SwaggerUIBundle({
    spec,
    dom_id: '#reference',
    deepLinking: true,
    // No list of all schemas, because each schema is shown where it is used.
    defaultModelsExpandDepth: -1,
    validatorUrl: null,
    plugins: [keeping],
    responseInterceptor: learn,
    onComplete: () => fill(),
  })
}

// The list of servers has a label that is not connected with it.
new MutationObserver(() => {
  const servers = document.querySelector('#reference .servers select:not([aria-label])')
  if (servers) servers.setAttribute('aria-label', 'Server')
}).observe(document.getElementById('reference'), { childList: true, subtree: true })
forget.addEventListener('click', () => {
  store({})
  fill()
})
if (demo) demo.addEventListener('click', useDemo)
show()
main().catch(() => {
  document.getElementById('reference').textContent = 'The contract could not be loaded. Reload the page.'
})
`
