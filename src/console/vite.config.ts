import { defineConfig } from 'vite'

/** The gateway serves the console below this path. */
const BASE = '/console/'

export default defineConfig({
  root: import.meta.dirname,
  base: BASE,
  logLevel: 'warn',
  publicDir: false,
  oxc: { jsx: { runtime: 'automatic' } },
  build: {
    emptyOutDir: true,
    target: ['chrome123', 'firefox121', 'safari17.5'],
    // The policy of the page allows no data: URL but for images, and the polyfill would be an inline script.
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
    sourcemap: false,
    // The build compresses the files itself and counts their bytes.
    reportCompressedSize: false,
    rolldownOptions: {
      // A slow build of a loaded machine is no mistake in the sources.
      checks: { bundlerTimings: false },
      // Packages mark their modules for servers that render React, with a directive that means nothing here.
      onLog(level, log, print) {
        if (log.code !== 'MODULE_LEVEL_DIRECTIVE') print(level, log)
      },
    },
  },
})
