// Sender addresses written otherwise: in envelopes, and where they stand in header fields.
import { expect, it } from 'vitest'
import { createRewrite, rewriteField } from './rewrite.js'

const rewrite = createRewrite([{ from: 'root@web1.example.org', to: 'web@example.org' }, { from: '*@web1.example.org', to: '*@example.org' }, { from: '*@old.test', to: 'all@new.test' }])
it.each([['root@web1.example.org', 'web@example.org'], ['Ann@WEB1.example.org', 'Ann@example.org'], ['x@old.test', 'all@new.test'], ['x@old.test.evil', 'x@old.test.evil'], ['', ''], ['nobody', 'nobody'], ['$&@old.test', 'all@new.test'], ["$'@web1.example.org", "$'@example.org"]])('%s', (from, to) => expect(rewrite(from)).toBe(to))
it.each([
  ['From: Ann <ann@web1.example.org>\r\n', ['ann@web1.example.org'], 'From: Ann <ann@example.org>\r\n'],
  ['From: "ann@web1.example.org" <ann@web1.example.org>\r\n', ['ann@web1.example.org'], 'From: "ann@example.org" <ann@example.org>\r\n'],
  ['From: joann@web1.example.org, ann@web1.example.org\r\n', ['ann@web1.example.org'], 'From: joann@web1.example.org, ann@example.org\r\n'],
  ['From: ann@web1.example.org.evil\r\n', ['ann@web1.example.org'], 'From: ann@web1.example.org.evil\r\n'],
  ['From: a.b@web1.example.org\r\n', ['a.b@web1.example.org'], 'From: a.b@example.org\r\n'],
  ['From: aXb@web1.example.org\r\n', ['a.b@web1.example.org'], 'From: aXb@web1.example.org\r\n'],
  ['From: ann (x) @ web1.example.org\r\n', ['ann@web1.example.org'], 'From: ann (x) @ web1.example.org\r\n'],
])('%s', (field, addresses, wanted) => expect(rewriteField(field, addresses, rewrite)).toBe(wanted))
