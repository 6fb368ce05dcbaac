// The configuration described: a JSON schema for editors, and the settings in force for people (secrets masked).
import { z } from 'zod'
import { wholeSchema, type Section } from './load.js'
import { mapSecrets } from './walk.js'

/** JSON schema of the YAML file with these plugins, for config/restante.schema.json. The same on every machine. */
export function jsonSchema(sections: readonly Section[]): Record<string, unknown> {
  const schema = z.toJSONSchema(wholeSchema(sections), { io: 'input', unrepresentable: 'any' }) as Record<string, any>
  for (const kind of ['plugins', 'bridges']) {
    const part = schema.properties[kind]
    // A key of a third party is a package or path; the editor cannot know its settings.
    part.additionalProperties = true
    delete part.required
    for (const key of Object.keys(part.properties ?? {})) part.properties[key] = { anyOf: [part.properties[key], { const: false, description: 'Disabled.' }, { type: 'null' }] }
  }
  delete schema.required
  return { title: 'Restante configuration', ...schema }
}

/** Settings as they may be shown: every secret is '***'. */
export function masked(settings: unknown, sections: readonly Section[]): unknown {
  return mapSecrets(settings, wholeSchema(sections), (text) => (text === '' ? '' : '***'))
}
