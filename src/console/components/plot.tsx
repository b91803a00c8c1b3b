import 'uplot/dist/uPlot.min.css'
import { useEffect, useRef, useState } from 'react'
import UPlot from 'uplot'
import { Instant } from './instant'

const HEIGHT = 220

/** The values of one point in time. */
export interface Point {
  readonly at: string
  readonly values: readonly number[]
}

interface Line {
  readonly name: string
  /** The variable of the style sheet with its colour. */
  readonly colour: string
}

interface PlotProps {
  readonly title: string
  readonly lines: readonly Line[]
  readonly points: readonly Point[]
}

/** A plot of values over time. The same values are a table below it, for a reader who does not see the plot. */
export function Plot({ title, lines, points }: PlotProps) {
  const frame = useRef<HTMLDivElement>(null)
  const look = useLook()
  // biome-ignore lint/correctness/useExhaustiveDependencies: another look has other colours
  useEffect(() => {
    const element = frame.current
    if (element === null) return undefined
    const plot = new UPlot(optionsOf(element.clientWidth, lines), dataOf(points), element)
    const observer = new ResizeObserver(() => plot.setSize({ width: element.clientWidth, height: HEIGHT }))
    observer.observe(element)
    return () => {
      observer.disconnect()
      plot.destroy()
    }
  }, [points, lines, look])
  return (
    <figure className="plot">
      <figcaption>{title}</figcaption>
      <div ref={frame} className="canvas" aria-hidden="true" />
      <details>
        <summary>The values of “{title}” as a table</summary>
        <div className="table-frame">
          <table>
            <thead>
              <tr>
                <th scope="col">Time</th>
                {lines.map(({ name }) => (
                  <th scope="col" className="number" key={name}>
                    {name}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {points.map(({ at, values }) => (
                <tr key={at}>
                  <th scope="row">
                    <Instant at={at} />
                  </th>
                  {values.map((value, index) => (
                    <td className="number" key={lines[index]?.name}>
                      {value.toLocaleString()}
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      </details>
    </figure>
  )
}

/** Changes when the colours of the page change. */
function useLook(): number {
  const [look, setLook] = useState(0)
  useEffect(() => {
    const change = () => setLook((look) => look + 1)
    const scheme = matchMedia('(prefers-color-scheme: dark)')
    scheme.addEventListener('change', change)
    const observer = new MutationObserver(change)
    observer.observe(document.documentElement, { attributeFilter: ['data-theme'] })
    return () => {
      scheme.removeEventListener('change', change)
      observer.disconnect()
    }
  }, [])
  return look
}

function optionsOf(width: number, lines: readonly Line[]): UPlot.Options {
  const ink = colourOf('--ink-soft')
  const axis = { stroke: ink, grid: { stroke: colourOf('--line'), width: 1 }, ticks: { stroke: colourOf('--line') } }
  return {
    width,
    height: HEIGHT,
    cursor: { drag: { x: false, y: false } },
    scales: { y: { range: (_plot, _min, max) => [0, Math.max(max, 1)] } },
    axes: [axis, { ...axis, size: 60 }],
    series: [
      {},
      ...lines.map(({ name, colour }) => ({
        label: name,
        stroke: colourOf(colour),
        width: 2,
        points: { show: true, size: 5 },
      })),
    ],
  }
}

/** The colour that a variable of the style sheet has in this theme: the canvas does not know variables. */
function colourOf(variable: string): string {
  const probe = document.createElement('span')
  probe.style.color = `var(${variable})`
  document.body.append(probe)
  const { color } = getComputedStyle(probe)
  probe.remove()
  return color
}

function dataOf(points: readonly Point[]): UPlot.AlignedData {
  const times = points.map(({ at }) => Date.parse(at) / 1_000)
  const count = points[0]?.values.length ?? 0
  return [times, ...Array.from({ length: count }, (_, line) => points.map(({ values }) => values[line] ?? 0))]
}
