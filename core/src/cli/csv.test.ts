import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isFailure } from '../errors/codes.js'
import { parseUsers } from './csv.js'

const hash = `SCRAM-SHA-256$4096:${Buffer.from('salt').toString('base64')}$${Buffer.alloc(32, 1).toString('base64')}:${Buffer.alloc(32, 2).toString('base64')}`
const report = (text: string): string[] => {
  try {
    parseUsers(text, 'users.csv')
  } catch (error) {
    if (isFailure(error, 'CONFIG_INVALID')) return error.message.split('\n')
    throw error
  }
  return []
}

describe('accounts from CSV', () => {
  it.each<[string, string, unknown]>([
    ['the least', 'address\na@example.test\n', [{ address: 'a@example.test' }]],
    ['without a last line end', 'address\na@example.test', [{ address: 'a@example.test' }]],
    ['with CRLF', 'address,password\r\na@example.test,secret\r\n', [{ address: 'a@example.test', password: 'secret' }]],
    ['with a byte order mark', '\ufeffaddress\na@example.test\n', [{ address: 'a@example.test' }]],
    ['columns in any order and case', 'Password, ADDRESS ,name\nsecret,a@example.test,Anna', [{ address: 'a@example.test', password: 'secret', displayName: 'Anna' }]],
    ['quotes, commas, line ends and doubled quotes', 'address,name,password\na@example.test,"Anna ""A"", B\nC",",\r\n"', [{ address: 'a@example.test', displayName: 'Anna "A", B\nC', password: ',\r\n' }]],
    ['quotes inside a plain value', 'address,password\na@example.test,p"w"\n', [{ address: 'a@example.test', password: 'p"w"' }]],
    ['blanks belong to a password', 'address,password\na@example.test, p w \n', [{ address: 'a@example.test', password: ' p w ' }]],
    ['empty values are absent', 'address,password,hash,name,quota,quota_messages\na@example.test,,,,,\n', [{ address: 'a@example.test' }]],
    ['fewer values than the header', 'address,password,name\na@example.test\n', [{ address: 'a@example.test' }]],
    ['quotas', 'address,quota,quota_messages\na@example.test,2GiB,1000\nb@example.test,0,\n', [{ address: 'a@example.test', quotaOctets: 2 * 1024 ** 3, quotaMessages: 1000 }, { address: 'b@example.test', quotaOctets: 0 }]],
    ['a hash', `address,hash\na@example.test,${hash}\n`, [{ address: 'a@example.test', hash }]],
    ['empty lines', 'address\n\na@example.test\n\n\nb@example.test\n\n', [{ address: 'a@example.test' }, { address: 'b@example.test' }]],
    ['a header only', 'address,password\n', []],
  ])('%s', (_, text, users) => expect(parseUsers(text, 'users.csv')).toEqual(users))

  it.each<[string, string, (string | RegExp)[]]>([
    ['nothing at all', '', ['users.csv:1:1: there is no column "address"']],
    ['no address column', 'name\nAnna\n', ['users.csv:1:1: there is no column "address"', 'users.csv:2:1: there is no address']],
    ['an unknown column', 'address,pasword\na@example.test,x\n', [/^users\.csv:1:9: found column "pasword"; accepted: address, password, /]],
    ['a column that stands twice', 'address,name,name\n', ['users.csv:1:14: the column "name" stands twice']],
    ['no address', 'password,address\nx,\n', ['users.csv:2:1: there is no address']],
    ['a bad address, behind a value of two lines', 'name,address\n"A\nB",nobody\n', [/^users\.csv:3:4: found "nobody"; accepted: /]],
    ['a bad quota', 'address,quota\na@example.test,much\n', [/^users\.csv:2:16: quota: found "much"/]],
    ['a password and a hash', `address,password,hash\na@example.test,x,${hash}\n`, ['users.csv:2:18: both a password and a hash; accepted: one of them']],
    ['an unknown hash', 'address,hash\na@example.test,{SHA}abc\n', [/^users\.csv:2:16: not a hash of a known form/]],
    ['too many values', 'address\na@example.test,b,c\n', ['users.csv:2:16: found 3 values; the header has 1']],
    ['the same address in other letters', 'address\nAnna@Example.test\nb@example.test\nanna@example.TEST\n', ['users.csv:4:1: anna@example.test stands in line 2 already']],
    ['a quote that is not closed', 'address,name\na@example.test,"Anna\nb@example.test,Bert\n', ['users.csv:2:16: the quote that begins here is not closed']],
    ['text behind a quote', 'address,name\na@example.test,"Anna" B\n', [/^users\.csv:2:22: found text behind a closing quote/]],
    ['several at once', 'address,quota\n,x\nb,1\nc@example.test,y\n', [/^users\.csv:2:2: quota/, 'users.csv:2:1: there is no address', /^users\.csv:3:1: found "b"/, /^users\.csv:4:16: quota/]],
  ])('refuses %s', (_, text, problems) => expect(report(text)).toEqual(problems.map((problem) => (typeof problem === 'string' ? problem : expect.stringMatching(problem)))))

  it('shows twenty problems and counts the rest', () => {
    const lines = report(`address\n${'nobody\n'.repeat(1000)}`)
    expect(lines).toHaveLength(21)
    expect(lines[20]).toBe('and 980 more')
  })

  it('never says a password', () => {
    expect(report('address,password,quota\nx,TOPSECRET,y\na@example.test,"TOPSECRET\n').join('\n')).not.toContain('TOPSECRET')
  })

  it('gives back whatever was quoted', () => {
    fc.assert(fc.property(fc.array(fc.record({ password: fc.string({ minLength: 1 }), name: fc.string({ unit: 'grapheme', minLength: 1 }) }), { maxLength: 20 }), (wanted) => {
      const quoted = (text: string): string => `"${text.replaceAll('"', '""')}"`
      const text = ['address,password,name', ...wanted.map(({ password, name }, i) => `u${i}@example.test,${quoted(password)},${quoted(name)}`)].join('\r\n')
      expect(parseUsers(text, 'users.csv')).toEqual(wanted.map(({ password, name }, i) => ({ address: `u${i}@example.test`, password, displayName: name })))
    }))
  })

  it('whatever comes, it answers or says a place', () => {
    fc.assert(fc.property(fc.string({ unit: fc.constantFrom('a', '@', '.', ',', '"', '\n', '\r', ' ', 'address', 'x@example.test') }), (text) => {
      for (const line of report(text)) expect(line).toMatch(/^users\.csv:\d+:\d+: |^and \d+ more$/)
    }))
  })
})
