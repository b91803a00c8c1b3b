import { t as root, type Test } from 'tap'

/**
 * The test of the file that is being loaded: tap's root when a file runs by itself, a subtest of it in a worker. Importers
 * see the change, because an ES module's exports are live bindings.
 */
export let t: Test = root

/** Makes `test` the test of the files that are imported from now on. Only a worker calls it. */
export function setFileTest(test: Test): void {
  t = test
}
