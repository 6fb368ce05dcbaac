// One node of the MIME tree while it is being scanned: what its header says, and where its octets lie. Knows no neighbours'
// octets and writes no IMAP; the scan moves its offsets.
import { unfold } from './headers.js'
import type { Fields } from './message-fields.js'
import { parseParameterised, textParameter, type Parameterised } from './parameters.js'
import type { OctetString } from './summary.js'

export interface Entity {
  /** undefined for an embedded message's multipart root: IMAP gives that no number of its own. */
  section: string | undefined
  /** What the children's numbers begin with: '' or '1.2.'. */
  prefix: string
  readonly parent: Entity | undefined
  readonly depth: number
  readonly headerOffset: number
  headerLength: number
  bodyOffset: number
  bodyLength: number
  lines: number
  /** Line feeds of the message before the body, from which `lines` is counted. */
  linesBefore: number
  shape: 'leaf' | 'multipart' | 'message'
  /** Multipart: set while its boundary is looked for. */
  boundary: string | undefined
  /** The outer multipart with the same boundary, hidden while this one is open. */
  shadowed: Entity | undefined
  readonly children: Entity[]
  content: Content
  /** ENVELOPE, for the root and embedded messages. */
  envelope: OctetString | undefined
}

/** What the Content-* fields say. */
export interface Content {
  readonly type: string
  readonly params: ReadonlyMap<string, OctetString>
  readonly charset: string
  readonly encoding: string
  readonly disposition: Parameterised | undefined
  readonly filename: string
  readonly id: OctetString | undefined
  readonly description: OctetString | undefined
  readonly md5: OctetString | undefined
  readonly language: readonly string[]
  readonly location: OctetString | undefined
}

const noParams: ReadonlyMap<string, OctetString> = new Map()
const asciiParams: ReadonlyMap<string, OctetString> = new Map([['charset', 'us-ascii']])

/** RFC 2045 5.2: what a part without Content-Type is. */
const plain = { type: 'text/plain', params: asciiParams }
/** RFC 2046 5.1.5 */
const digested = { type: 'message/rfc822', params: noParams }

export const emptyContent: Content = {
  ...plain, charset: '', encoding: '7bit', disposition: undefined, filename: '', id: undefined, description: undefined, md5: undefined, language: [], location: undefined,
}

/** Longest file name that is kept; no file system takes more than 255. */
const filenameLength = 1000

/** Reads the Content-* fields. `inDigest`: the part stands in a multipart/digest. */
export function readContent(fields: Fields, inDigest: boolean): Content {
  const raw = fields.get('content-type')
  const parsed = raw === undefined ? undefined : parseParameterised(raw)
  const { type, params } = !parsed ? (inDigest ? digested : plain) : { type: normalType(parsed.value), params: parsed.params }
  const disposition = readDisposition(fields.get('content-disposition'))
  const text = (name: string): OctetString | undefined => {
    const value = fields.get(name)
    return (value === undefined ? undefined : unfold(value)) || undefined
  }
  const filename = (disposition && textParameter(disposition, 'filename')) || (parsed && textParameter(parsed, 'name')) || ''
  return {
    type,
    params: type === 'text/plain' && params.size === 0 && !parsed?.value ? asciiParams : params,
    charset: params === asciiParams ? '' : charsetOf(params),
    encoding: token(text('content-transfer-encoding')) || '7bit',
    disposition,
    filename: clean(filename),
    id: text('content-id'),
    description: text('content-description'),
    md5: text('content-md5'),
    language: languages(text('content-language')),
    location: text('content-location'),
  }
}

/** RFC 2183 2.8: what is no known word counts as 'attachment'; so does a field that has only parameters. */
function readDisposition(raw: OctetString | undefined): Parameterised | undefined {
  if (raw === undefined) return undefined
  const parsed = parseParameterised(raw)
  if (parsed.value.includes('=')) return parseParameterised(`attachment;${raw}`)
  const value = /[^\s"]+/.exec(parsed.value)?.[0] ?? ''
  if (value !== '') return { ...parsed, value: value.slice(0, 100) }
  return parsed.params.size === 0 ? undefined : { ...parsed, value: 'attachment' }
}

/** A multipart or message that cannot be opened, as the leaf it becomes. */
export function degrade(content: Content): Content {
  return content.type.startsWith('multipart/') ? { ...content, ...plain, charset: '' } : { ...content, type: 'application/octet-stream' }
}

/** RFC 6838 4.2: neither name is longer. */
const typeForm = /^([!#-'*+.^_`a-z{|}~0-9-]{1,127})\s*\/\s*([!#-'*+.^_`a-z{|}~0-9-]{1,127})/

/** RFC 2045 5.2: a hopeless type is text/plain, a half one what its half makes likely. */
function normalType(value: string): string {
  const match = typeForm.exec(value)
  if (match) return `${match[1]}/${match[2]}`
  const first = value.split(/[\s/]/, 1)[0]
  if (first === 'multipart') return 'multipart/mixed'
  return ['application', 'image', 'audio', 'video', 'model', 'font'].includes(first) ? 'application/octet-stream' : 'text/plain'
}

function charsetOf(params: ReadonlyMap<string, OctetString>): string {
  const charset = params.get('charset') ?? params.get('charset*')?.split("'").at(-1) ?? ''
  return charset.replace(/[^\x21-\x7e]|["']/g, '').slice(0, 100).toLowerCase()
}

// 'Content-Transfer-Encoding: "base64" (comment);'
function token(value: OctetString | undefined): string {
  return value === undefined ? '' : (/[a-z0-9][^\s;"()<>,]*/i.exec(value)?.[0] ?? '').slice(0, 100).toLowerCase()
}

const clean = (filename: string): string => filename.slice(0, filenameLength).replace(/[\x00-\x1f\x7f]+/g, ' ').trim()

function languages(value: OctetString | undefined): readonly string[] {
  return value === undefined ? [] : value.slice(0, 1000).split(',').map((tag) => tag.replace(/\([^()]*\)?/g, '').trim()).filter((tag) => tag !== '')
}
