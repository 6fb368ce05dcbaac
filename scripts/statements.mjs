// The table of im2000.md's statements T1-T115 for docs/specifications.md: who tests which, found by the numbers at the
// beginning of the tests' names ("T9 T10 …"; further numbers may follow in the name).
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'

const folders = ['core/src', 'plugins', 'bridges', 'test']
const named = /\b(?:it|test|describe)(?:\.\w+(?:\(\w+\))?)*\((['"`])((?:[A-Z]\.?\d+ )*T\d+.*?[^\\])\1/g

function* testFiles(root, folder) {
  for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
    if (entry.name === 'node_modules' || entry.name === 'dist') continue
    const path = `${folder}/${entry.name}`
    if (entry.isDirectory()) yield* testFiles(root, path)
    else if (entry.name.endsWith('.test.ts')) yield path
  }
}

/** Number → tests, as { file, name }. */
export function testsByNumber(root) {
  const found = new Map()
  for (const file of folders.flatMap((folder) => [...testFiles(root, folder)]).sort()) {
    for (const [, , name] of readFileSync(join(root, file), 'utf8').matchAll(named)) {
      for (const [number] of name.matchAll(/\bT\d+\b/g)) found.set(number, [...(found.get(number) ?? []), { file, name }])
    }
  }
  return found
}

/** The statements, as { number, group, text, remark }. */
export const statements = (root) => readFileSync(join(root, 'test/fixtures/im2000-statements.txt'), 'utf8').split('\n').filter((line) => line.startsWith('T')).map((line) => {
  const [number, group, text, remark = ''] = line.split(' | ')
  return { number, group, text: text.replace(/ \[[^\]]*\]$/, ''), remark }
})

const cell = (text) => text.replaceAll('|', '\\|').replaceAll(/\$\{.*?\}/g, '…').replaceAll(/\\(['"`])/g, '$1')
/** A name without its numbers; long ones are cut at a word. */
const short = (name) => cell(name.replace(/^(?:[A-Z]\.?\d+ )*(?:T\d+ )+/, '').replace(/^(.{60}\S*) .*$/, '$1 …'))

export function statementTable(root) {
  const tests = testsByNumber(root)
  const all = statements(root)
  const rows = all.map(({ number, text, remark }) => {
    const by = (tests.get(number) ?? []).slice(0, 2).map(({ file, name }) => `\`${file}\`: ${short(name)}`)
    const more = (tests.get(number)?.length ?? 0) - by.length
    return `| ${number} | ${cell(text)} | ${by.join('; ')}${more > 0 ? `; ${more} more` : ''} | ${by.length > 0 ? 'tested' : 'open'}${remark ? `; ${remark}` : ''} |`
  })
  const covered = all.filter(({ number }) => tests.has(number)).length
  return `${covered} of ${all.length} statements have a test that names them; the others are open.\n\n| no. | statement | test | status |\n|---|---|---|---|\n${rows.join('\n')}\n`
}
