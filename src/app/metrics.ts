import cluster from 'node:cluster'
import type { FastifyInstance } from 'fastify'
import type { Metrics } from '../kernel/metrics/metrics.js'
import { openMetricsServer } from '../kernel/metrics/server.js'
import { offerMetrics } from '../kernel/metrics/workers.js'

/** Serves the metrics of this process until the gateway has closed. A worker offers them to the process that started it. */
export async function showMetrics(app: FastifyInstance, metrics: Metrics, host: string, port: number): Promise<void> {
  if (cluster.isWorker) {
    offerMetrics(metrics.registries)
    return
  }
  const server = await openMetricsServer(metrics, host, port)
  app.addHook('onClose', async () => server.close())
  app.log.info({ address: server.address }, 'serving metrics at /metrics')
}
