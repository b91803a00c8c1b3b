import './styles/base.css'
import './styles/controls.css'
import './styles/layout.css'
import './styles/parts.css'
import { CSPProvider } from '@base-ui/react/csp-provider'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { session } from './api/session'
import { App } from './app'
import { applyTheme } from './components/theme'

applyTheme()
void session.start()
createRoot(document.getElementById('root') as HTMLElement).render(
  <StrictMode>
    {/* The policy of the page allows no style elements. */}
    <CSPProvider disableStyleElements>
      <App />
    </CSPProvider>
  </StrictMode>,
)
