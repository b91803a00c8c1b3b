import cluster, { type Worker } from 'node:cluster'
import { AggregatorRegistry, type MetricObject, Registry } from 'prom-client'
import type { MetricsPage } from './server.js'

/** A worker that does not answer within this time is left out. */
const ANSWER_MS_MAX = 2_000

/** The messages between a worker and the process that started it. */
type Message =
  | { readonly kind: 'metrics offered' }
  | { readonly kind: 'metrics wanted'; readonly question: number }
  | { readonly kind: 'metrics'; readonly question: number; readonly metrics: readonly MetricObject[][] }

/**
 * The metrics of all workers, added up by each metric's own rule. A worker that is starting, ending or hanging is left out,
 * so that it does not hide the others. prom-client would then fail as a whole, and keep the answers of the others for ever.
 */
export function metricsOfWorkers(): MetricsPage {
  const offering = new Set<Worker>()
  const waiting = new Map<number, (worker: Worker, metrics: readonly MetricObject[][]) => void>()
  let questions = 0
  cluster.on('message', (worker, message: Message) => {
    if (message?.kind === 'metrics offered') offering.add(worker)
    if (message?.kind === 'metrics') waiting.get(message.question)?.(worker, message.metrics)
  })
  cluster.on('exit', (worker) => offering.delete(worker))

  const ask = async (): Promise<readonly MetricObject[][]> => {
    const question = questions++
    const missing = new Set([...offering].filter((worker) => worker.isConnected()))
    const answers: MetricObject[][] = []
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ANSWER_MS_MAX)
      const end = () => {
        clearTimeout(timer)
        resolve()
      }
      waiting.set(question, (worker, metrics) => {
        answers.push(...metrics)
        if (missing.delete(worker) && missing.size === 0) end()
      })
      for (const worker of missing) worker.send({ kind: 'metrics wanted', question } satisfies Message, () => undefined)
      if (missing.size === 0) end()
    })
    waiting.delete(question)
    return answers
  }

  return {
    page: async () => AggregatorRegistry.aggregate([...(await ask())] as never).metrics(),
    content_type: new Registry().contentType,
  }
}

/** Offers the metrics of this worker to the process that started it. */
export function offerMetrics(registries: readonly Registry[]): void {
  const send = (message: Message) => process.send?.(message, undefined, undefined, () => undefined)
  process.on('message', (message: Message) => {
    if (message?.kind !== 'metrics wanted') return
    const { question } = message
    Promise.all(registries.map((registry) => registry.getMetricsAsJSON())).then(
      (metrics) => send({ kind: 'metrics', question, metrics: metrics as never }),
      () => undefined,
    )
  })
  send({ kind: 'metrics offered' })
}
