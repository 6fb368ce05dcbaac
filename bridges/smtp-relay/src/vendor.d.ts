// The parts of libraries that have no types of their own, as far as they are used here.
declare module 'mailauth/lib/dkim/sign.js' {
  export function dkimSign(input: AsyncIterable<Buffer> | NodeJS.ReadableStream | Buffer, options: {
    canonicalization?: string
    signTime?: Date
    headerList?: readonly string[]
    signatureData: readonly { signingDomain: string; selector: string; privateKey: string; algorithm?: string }[]
  }): Promise<{ signatures: string; errors: readonly { err?: Error }[] }>
}
declare module 'mailauth/lib/dkim/verify.js' {
  /** What `arc` and `createSeal` go on with. */
  export function dkimVerify(input: AsyncIterable<Buffer> | NodeJS.ReadableStream | Buffer, options: { seal?: object; resolver: (name: string, type: string) => Promise<unknown> }): Promise<{
    readonly headers: unknown
    readonly arc: unknown
    readonly seal?: object
    readonly results: readonly { readonly signingDomain?: string; readonly algo?: string; readonly status: { readonly result: string } }[]
  }>
}
declare module 'mailauth/lib/arc/index.js' {
  export function arc(data: unknown, options: { resolver: (name: string, type: string) => Promise<unknown> }): Promise<{ readonly i?: number | false; readonly status: { readonly result: string; readonly shouldSeal?: boolean } }>
  export function createSeal(input: false, data: { headers: unknown; arc: unknown; seal: object }): Promise<{ readonly headers: readonly string[] }>
}
declare module 'mailauth/lib/mta-sts.js' {
  /** The policy's name in DNS, or false; throws what the resolver throws. */
  export function resolvePolicy(domain: string, options: { resolver: (name: string, type: string) => Promise<unknown> }): Promise<string | false>
  /** Throws what is no policy. */
  export function parsePolicy(file: string): { readonly mode: 'enforce' | 'testing' | 'none'; readonly mx?: readonly string[]; readonly maxAge: number }
}
declare module 'mailauth/lib/mailauth.js' {
  interface Status { readonly result: string; readonly header?: { readonly from?: string }; readonly aligned?: string | false; readonly underSized?: number }
  type Link = Readonly<Record<'arc-seal' | 'arc-authentication-results', { readonly parsed?: Readonly<Record<string, { readonly value?: string }>> }>>
  export interface Authenticated {
    readonly spf?: { readonly status: Status; readonly domain?: string } | false
    readonly dkim: { readonly results: readonly { readonly id?: string; readonly signingDomain?: string; readonly selector?: string; readonly status: Status }[] }
    readonly arc: { readonly status: Status; readonly chain?: readonly Link[] | false; readonly authenticationResults?: { readonly dmarc?: { readonly result?: string } } } | false
  }
  export function authenticate(input: NodeJS.ReadableStream | Buffer, options: {
    ip: string; helo: string; sender: string; mta: string; resolver: (name: string, type: string) => Promise<unknown>; disableBimi?: boolean; disableArc?: boolean; disableDmarc?: boolean
  }): Promise<Authenticated>
}
declare module 'mailauth/lib/spf/index.js' {
  export function spf(options: { ip: string; helo: string; sender: string; mta: string; resolver: (name: string, type: string) => Promise<unknown> }): Promise<{ readonly status: { readonly result: string }; readonly domain?: string }>
}
declare module 'mailauth/lib/dmarc/index.js' {
  export function dmarc(options: {
    headerFrom: readonly string[]; spfDomains: readonly string[]; dkimDomains: readonly object[]; resolver: (name: string, type: string) => Promise<unknown>
  }): Promise<{ readonly status: { readonly result: string; readonly header?: { readonly from?: string } }; readonly policy?: string; readonly pct?: number } | false>
}
