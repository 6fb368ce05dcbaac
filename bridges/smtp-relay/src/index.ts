// The package's face: the bridge, found by the loader as the default export.
export { default } from './plugin.js'
