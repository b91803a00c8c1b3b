import { t as root, type Test } from 'tap'

/**
 * The test of the file that is being loaded: tap's root if the file runs alone, or a subtest of it in a worker. Exports
 * of an ES module are live bindings, so files that import `t` get the new value.
 */
export let t: Test = root

/** Sets `t` for the files that are imported later. Only a worker calls it. */
export function setFileTest(test: Test): void {
  t = test
}
