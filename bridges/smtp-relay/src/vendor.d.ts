// The parts of libraries that have no types of their own, as far as they are used here.
declare module 'mailauth/lib/dkim/sign.js' {
  export function dkimSign(input: AsyncIterable<Buffer> | NodeJS.ReadableStream | Buffer, options: {
    canonicalization?: string
    signTime?: Date
    headerList?: readonly string[]
    signatureData: readonly { signingDomain: string; selector: string; privateKey: string; algorithm?: string }[]
  }): Promise<{ signatures: string; errors: readonly { err?: Error }[] }>
}
declare module 'mailauth/lib/mailauth.js' {
  interface Status { readonly result: string; readonly header?: { readonly from?: string } }
  export function authenticate(input: NodeJS.ReadableStream | Buffer, options: {
    ip: string; helo: string; sender: string; mta: string; resolver: (name: string, type: string) => Promise<unknown>; disableBimi?: boolean; disableArc?: boolean
  }): Promise<{
    readonly spf?: { readonly status: Status; readonly domain?: string } | false
    readonly dkim: { readonly results: readonly { readonly signingDomain?: string; readonly selector?: string; readonly status: Status }[] }
    readonly dmarc?: { readonly status: Status; readonly policy?: string; readonly domain?: string } | false
  }>
}
