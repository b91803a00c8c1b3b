import { useState } from 'react'

const STORED_AS = 'gatehouse.theme'
const THEMES = { system: 'System colours', light: 'Light', dark: 'Dark' } as const
type Theme = keyof typeof THEMES

/** Applies the theme that the user chose in this browser. Without a choice, that of the system applies. */
export function applyTheme(theme: Theme = chosenTheme()): void {
  if (theme === 'system') delete document.documentElement.dataset.theme
  else document.documentElement.dataset.theme = theme
}

function chosenTheme(): Theme {
  const chosen = localStorage.getItem(STORED_AS) ?? ''
  return chosen === 'light' || chosen === 'dark' ? chosen : 'system'
}

export function ThemeChoice() {
  const [theme, setTheme] = useState(chosenTheme)
  return (
    <select
      aria-label="Colours"
      value={theme}
      onChange={(event) => {
        const next = event.target.value as Theme
        localStorage.setItem(STORED_AS, next)
        applyTheme(next)
        setTheme(next)
      }}
    >
      {Object.entries(THEMES).map(([value, name]) => (
        <option key={value} value={value}>
          {name}
        </option>
      ))}
    </select>
  )
}
