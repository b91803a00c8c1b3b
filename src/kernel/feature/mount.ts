import type { FastifyInstance } from 'fastify'
import type { Routes } from '../rest/schemas.js'

/** A plugin of routes and the prefix that it is registered with. */
export interface Mount {
  readonly prefix: string
  register(app: FastifyInstance): void
}

type OptionsOf<Options> = Record<never, never> extends Options ? [] : [options: Options]

/** Mounts routes at a prefix, with the options that their plugin declares. */
export function mount<Options extends object>(
  prefix: string,
  routes: Routes<Options>,
  ...[options]: OptionsOf<Options>
): Mount {
  return {
    prefix,
    register: (app) => void app.register(routes, { ...options, prefix } as unknown as Options),
  }
}
