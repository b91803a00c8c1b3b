// What `import t from 'tap'` is in a compiled test: the test of the file that is being run. It is copied to where Node
// looks first, .build/node_modules/tap, which the path below starts from; a file run by itself gets tap's own root.
const { t: root } = await import(new URL('../../../node_modules/tap/dist/esm/index.js', import.meta.url).href)

const CURRENT = Symbol.for('gatehouse.test.current')

export default new Proxy(root, {
  get(_, name) {
    const current = globalThis[CURRENT] ?? root
    const value = Reflect.get(current, name, current)
    return typeof value === 'function' ? value.bind(current) : value
  },
})
