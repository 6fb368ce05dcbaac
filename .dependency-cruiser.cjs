// Who may import whom (design: packages and the order inside core). `npm run lint` runs it.
// 'message' stands before 'blobs': it is pure, and a spooled message carries its summary (docs/decisions/0003).
const order = ['base', 'errors', 'config', 'log', 'metrics', 'net', 'database', 'jobs', 'events', 'plugin', 'message', 'blobs', 'accounts', 'im2000', 'store', 'rna', 'mailbox', 'delivery']
/** Each core folder may import only itself and folders before it. `store` and `rna` never import each other. */
const upward = order.map((folder, i) => ({
  name: `core-order-${folder}`,
  comment: `core/src/${folder} may import only what stands before it: ${order.slice(0, i).join(', ')}`,
  severity: 'error',
  from: { path: `^core/src/${folder}/`, pathNot: '\\.test\\.ts$' },
  to: { path: `^core/src/(${order.slice(i + 1).join('|') || '$none'})/` },
}))
module.exports = {
  forbidden: [
    ...upward,
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } } },
    { name: 'store-and-rna-apart', severity: 'error', from: { path: '^core/src/rna/', pathNot: '\\.test\\.ts$' }, to: { path: '^core/src/store/' } },
    { name: 'plugins-know-only-core', severity: 'error', from: { path: '^(plugins|bridges)/([^/]+)/' }, to: { path: '^(plugins|bridges)/', pathNot: '^$1/$2/' } },
    { name: 'core-knows-no-plugin', severity: 'error', from: { path: '^core/' }, to: { path: '^(plugins|bridges)/' } },
    { name: 'only-through-index', severity: 'error', from: { path: '^(plugins|bridges)/' }, to: { path: '^core/src/', pathNot: '^core/src/index\\.ts$' } },
    { name: 'not-to-dev-dep', severity: 'error', from: { path: '^(core|plugins|bridges)/', pathNot: '\\.test\\.ts$' }, to: { dependencyTypes: ['npm-dev'] } },
  ],
  options: {
    doNotFollow: { path: 'node_modules|/dist/' },
    exclude: { path: '/dist/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.test.json' },
  },
}
