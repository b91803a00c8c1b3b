import type { StorageConfig } from '../config/config.js'
import type { Database } from './database.js'
import { openEmbedded } from './embedded.js'
import { openPooled } from './pooled.js'

/** Opens the database of the configuration. `on_error` receives the errors of idle connections. */
export async function openDatabase(storage: StorageConfig, on_error: (error: Error) => void): Promise<Database> {
  return storage.engine === 'embedded'
    ? openEmbedded(storage.data_dir)
    : openPooled(storage.url, storage.connections_max, on_error, storage.direct_url)
}
