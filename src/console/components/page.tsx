import { type ReactNode, useEffect, useRef } from 'react'

interface PageProps {
  readonly title: string
  /** One sentence below the title. */
  readonly about?: ReactNode
  readonly actions?: ReactNode
  readonly children: ReactNode
}

/** A page: its title is that of the window too, and gets the focus, so that a screen reader announces the new page. */
export function Page({ title, about, actions, children }: PageProps) {
  const heading = useRef<HTMLHeadingElement>(null)
  useEffect(() => {
    document.title = `${title} · Gatehouse`
    heading.current?.focus({ preventScroll: true })
  }, [title])
  return (
    <div className="stack">
      <div className="row spread wide">
        <h1 ref={heading} tabIndex={-1}>
          {title}
        </h1>
        {actions}
      </div>
      {about !== undefined && <p className="soft">{about}</p>}
      {children}
    </div>
  )
}

export function Progress({ children }: { readonly children: ReactNode }) {
  return (
    <p className="progress" role="status">
      {children}
    </p>
  )
}

/** What a list shows if it is empty: what the next step is. */
export function Empty({ children }: { readonly children: ReactNode }) {
  return <div className="empty">{children}</div>
}
