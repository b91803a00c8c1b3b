import type { StorageConfig } from '../config/config.js'
import type { Database } from './database.js'
import { openEmbedded } from './embedded.js'
import { openPooled } from './pooled.js'

/**
 * Opens the database of the configuration.
 *
 * @param on_error receives the errors of idle connections
 * @param tell is called before work that takes seconds
 */
export async function openDatabase(
  storage: StorageConfig,
  on_error: (error: Error) => void,
  tell?: (step: string) => void,
): Promise<Database> {
  return storage.engine === 'embedded'
    ? openEmbedded(storage.data_dir, tell)
    : openPooled(storage.url, storage.connections_max, on_error, storage.direct_url)
}
