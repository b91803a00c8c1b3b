/** Every table of the product, for the migration generator and for the guard that looks for a table without a policy. */
export * from '../audit/table.js'
export * from '../auth/table.js'
export * from '../customers/table.js'
export * from '../keys/table.js'
export * from '../members/table.js'
export * from '../platform/table.js'
export * from '../roles/table.js'
export * from '../tenants/table.js'
