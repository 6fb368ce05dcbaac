// The package's face: the plugin, found by the loader as the default export.
export { default } from './plugin.js'
