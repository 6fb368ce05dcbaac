// Writes what is derived from code: config/restante.schema.json, docs/errors.md, the table of statements in
// docs/specifications.md (between its two marks). With --check it only says what is stale.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root, setUp } from './setup.mjs'
import { statementTable } from './statements.mjs'

setUp()
const { jsonSchema } = await import('../core/dist/config/describe.js')
const { builtIn } = await import('../core/dist/cli/settings.js')
const { errorCodes } = await import('../core/dist/errors/codes.js')

/** Ways to other mail systems: they stand under `bridges:`. */
const bridges = new Set(['smtp-relay'])
const sections = []
for (const [key, specifier] of Object.entries(builtIn)) sections.push({ kind: bridges.has(key) ? 'bridges' : 'plugins', key, config: (await import(specifier)).default.config })

const kinds = {
  client: 'The asker did something wrong or impossible; asking again will not help.',
  temporary: 'It may work later.',
  permanent: 'Refused by state or policy.',
  bug: 'Ours; the log has it with its stack.',
}
const errors = `# Errors

Every error of the core has a code, a kind and a sentence. Faces turn the code into their protocol's words; the log and
\`--json\` show the code itself. Generated from \`core/src/errors/codes.ts\` by \`npm run generate\`.

| kind | meaning |
|---|---|
${Object.entries(kinds).map(([kind, meaning]) => `| ${kind} | ${meaning} |`).join('\n')}

| code | kind | sentence |
|---|---|---|
${Object.entries(errorCodes).map(([code, { kind, sentence }]) => `| \`${code}\` | ${kind} | ${sentence} |`).join('\n')}
`

const marks = ['<!-- generated: statements -->\n', '<!-- end of generated -->']
const specifications = readFileSync(join(root, 'docs/specifications.md'), 'utf8')
const [before, rest] = specifications.split(marks[0])
if (rest === undefined) throw new Error('docs/specifications.md has lost the mark before its generated table')
const withTable = `${before}${marks[0]}\n${statementTable(root)}\n${marks[1]}${rest.split(marks[1])[1]}`

const files = { 'docs/specifications.md': withTable, 'config/restante.schema.json': `${JSON.stringify(jsonSchema(sections), null, 2)}\n`, 'docs/errors.md': errors }
const check = process.argv.includes('--check')
for (const [name, text] of Object.entries(files)) {
  const path = join(root, name)
  if (existsSync(path) && readFileSync(path, 'utf8') === text) continue
  if (check) {
    process.stderr.write(`${name} is stale: run npm run generate\n`)
    process.exitCode = 1
  } else {
    writeFileSync(path, text)
    process.stdout.write(`wrote ${name}\n`)
  }
}
