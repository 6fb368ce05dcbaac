// `restante route` and `restante dkim`.
import type { PluginCommands } from '@restante/core'

export const commands: readonly PluginCommands[] = [{
  word: 'route', description: 'Where mail for an address goes, step by step',
  commands: [{
    usage: '<address>', description: 'Where mail for an address goes, step by step', options: [['--from <address>', 'sent by this address']],
    async run({ args, options, perform, answer }) {
      const found = await perform('smtp-relay.route', { address: args.address, sender: options.from ?? '' }) as { steps: string[]; result: string }
      answer(found, [...found.steps.map((step) => `- ${step}`), `=> ${found.result}`].join('\n'))
    },
  }],
}, {
  word: 'dkim', description: 'Keys that sign mail (DKIM)',
  commands: [{
    usage: 'create <domain>', description: 'Make keys for a domain: RSA and Ed25519', options: [['--algorithm <name>', 'only rsa, or only ed25519']],
    async run({ args, options, perform, answer }) {
      const made = await perform('smtp-relay.dkim.create', { domain: args.domain, algorithm: options.algorithm }) as { record: string }[]
      answer(made, `Publish these records; the keys sign from an hour from now on, or at once when they are the first:\n${made.map((one) => one.record).join('\n')}`)
    },
  }, {
    usage: 'show [domain]', description: 'Keys, and the records to publish',
    async run({ args, perform, answer }) {
      const keys = await perform('smtp-relay.dkim.show', { domain: args.domain }) as { record: string; signs: boolean }[]
      answer(keys, keys.length === 0 ? 'There are no keys' : keys.map((key) => `${key.record}${key.signs ? '' : '\n    ; does not sign'}`).join('\n'))
    },
  }, {
    usage: 'rotate <domain>', description: 'Make new keys beside the old ones; they take over in an hour',
    async run({ args, perform, answer }) {
      const made = await perform('smtp-relay.dkim.create', { domain: args.domain }) as { record: string }[]
      answer(made, `Publish these records now. The old ones must stay for a week or so; then: restante dkim remove\n${made.map((one) => one.record).join('\n')}`)
    },
  }, {
    usage: 'remove <domain> <selector>', description: 'Forget a key', options: [['--yes', 'do not ask']],
    async run({ args, perform, answer, confirm }) {
      await confirm(`Forget the key ${args.selector} of ${args.domain}?`)
      answer(await perform('smtp-relay.dkim.remove', { domain: args.domain, selector: args.selector }), `Forgot ${args.selector} of ${args.domain}`)
    },
  }],
}]
