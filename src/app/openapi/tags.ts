import type { FastifyInstance } from 'fastify'
import type { Feature, Tag } from '../../kernel/feature/feature.js'
import { FEATURES } from '../composition/features.js'

/** The tag of the routes of health and of the contract itself. */
const SERVICE: Tag = { name: 'service', description: 'Health, key set, documentation' }

/** Every tag of the contract, in the order of the features. */
export const TAGS: readonly Tag[] = [...Object.values<Feature>(FEATURES).flatMap(({ tags }) => tags), SERVICE]

/**
 * Checks the tags of the routes that are registered after it.
 * @throws Error, so that the process does not start, if a route has a tag that no feature brings
 */
export function checkTags(app: FastifyInstance): void {
  const names = new Set(TAGS.map(({ name }) => name))
  app.addHook('onRoute', ({ method, url, schema }) => {
    const unknown = schema?.tags?.find((tag) => !names.has(tag))
    if (unknown !== undefined) throw new Error(`${method} ${url}: no feature brings the tag ${unknown}`)
  })
}
