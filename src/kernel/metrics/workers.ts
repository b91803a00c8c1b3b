import { AggregatorRegistry, type Registry } from 'prom-client'
import type { MetricsPage } from './server.js'

/** The metrics of all workers of this process, added up by each metric's own rule. */
export function metricsOfWorkers(): MetricsPage {
  const registry = new AggregatorRegistry()
  return { page: () => registry.clusterMetrics(), content_type: registry.contentType }
}

/** Offers the metrics of this worker to the process that started it. */
export function offerMetrics(registries: readonly Registry[]): void {
  AggregatorRegistry.setRegistries([...registries])
  // It answers the questions of the process that started this one.
  new AggregatorRegistry()
}
