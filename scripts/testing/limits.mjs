/** How many processes run tests at once: as many as the smallest machine has cores. */
export const JOBS = 2

/** The longest that one file may take, in milliseconds. */
export const FILE_MS_MAX = 300_000

/** How many files share a process: enough to share what they load, few enough that its memory stays small. */
export const GROUP_FILES_MAX = 8

/** Files that get a process of their own: they start others, or measure memory. */
export const ALONE = ['/process/', '/forward/streams', '/browser/', '/foreign/']

/** Files that start gateways on embedded databases of their own, whatever the tests are given: the same on any server. */
export const EMBEDDED_ALONE =
  /\/process\/(boot|configuration|crash|rotation|shutdown|upstream-demo|upstreams|usage)\.|\/forward\/streams\./

/** Files that get the machine for themselves: they measure time, or load it as far as it goes. */
export const QUIET = ['/auth/timing', '/auth/flood']
