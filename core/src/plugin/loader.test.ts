import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { inRange, loadPlugins } from './loader.js'

const good = { name: 'good', version: '1.0.0', api: '^1.0.0', config: z.strictObject({}), requires: [], provides: [], setup: () => ({ services: {} }) }
const modules: Record<string, unknown> = {
  '@restante/good': { default: good },
  'no-export': { plugin: good },
  'wrong-api': { default: { ...good, api: '^2.0.0' } },
  'no-api': { default: { ...good, api: undefined } },
  'old-zod': { default: { ...good, config: { parse: () => ({}) } } },
  'bad-name': { default: { ...good, name: 'Bad Name' } },
  'no-setup': { default: { ...good, setup: 5 } },
  'no-lists': { default: { ...good, requires: undefined } },
  twin: { default: good },
}
const load = async (specifier: string): Promise<unknown> => {
  if (specifier === 'throws') throw new TypeError('x is not a function')
  if (!modules[specifier]) throw Object.assign(new Error(`Cannot find package '${specifier}' imported from here`), { code: 'ERR_MODULE_NOT_FOUND' })
  return modules[specifier]
}
const one = (key: string) => loadPlugins([{ kind: 'plugins', key }], { builtIn: { good: '@restante/good' }, folder: '/', load })

describe('loading by name', () => {
  it('finds what ships with us', async () => {
    expect((await one('good')).found[0]!.plugin.name).toBe('good')
  })
  it.each([
    ['goood', 'no such plugin (did you mean "good"?); accepted: good, an installed package, or a path that begins with ./'],
    ['no-export', 'its module has no default export made by definePlugin'],
    ['wrong-api', 'it was written for plugin API ^2.0.0; this gateway has 1.0.0'],
    ['no-api', "it does not say which plugin API it was written for (api: '^1.0.0')"],
    ['old-zod', 'its config is not a zod 4 schema'],
    ['bad-name', 'its name must be lower-case letters, digits and dashes'],
    ['no-setup', 'it has no setup function'],
    ['no-lists', 'requires and provides must be lists of service names'],
    ['throws', 'its module cannot be loaded: x is not a function'],
  ])('refuses %s', async (key, why) => {
    expect((await one(key)).refused).toEqual([{ kind: 'plugins', key, why }])
  })
  it('refuses two of one name', async () => {
    const { found, refused } = await loadPlugins([{ kind: 'plugins', key: 'good' }, { kind: 'bridges', key: 'twin' }], { builtIn: { good: '@restante/good' }, folder: '/', load })
    expect(found).toHaveLength(1)
    expect(refused).toEqual([{ kind: 'bridges', key: 'twin', why: 'its name is "good", which plugins.good has already' }])
  })
})

describe('loading by path', () => {
  const folder = mkdtempSync(join(tmpdir(), 'restante-'))
  writeFileSync(join(folder, 'mine.mjs'), "export default { name: 'mine', version: '1', api: '*', config: { _zod: {} }, requires: [], provides: [], setup() { return { services: {} } } }")
  writeFileSync(join(folder, 'needs.mjs'), "import 'a-package-that-is-not-there'")
  it('is relative to the configuration', async () => {
    const { found, refused } = await loadPlugins(['./mine.mjs', './gone.mjs', './needs.mjs'].map((key) => ({ kind: 'plugins', key })), { builtIn: {}, folder })
    expect(found.map(({ plugin }) => plugin.name)).toEqual(['mine'])
    expect(refused.map(({ why }) => why)).toEqual(['there is no such file', expect.stringMatching(/^its module cannot be loaded: .*a-package-that-is-not-there/)])
  })
})

it.each([['1.2.3', '^1.0.0', true], ['1.2.3', '^1.3', false], ['2.0.0', '^1.0.0', false], ['1.2.3', '~1.2', true], ['1.3.0', '~1.2', false], ['0.2.0', '^0.1.0', false], ['0.1.5', '^0.1.0', true], ['3.0.0', '>=1', true], ['1.0.0', '1.0.0', true], ['1.0.1', '=1.0.0', false], ['1.0.0', '*', true], ['1.0.0', 'latest', false]])('%s in %s: %s', (version, range, answer) => {
  expect(inRange(version, range)).toBe(answer)
})
