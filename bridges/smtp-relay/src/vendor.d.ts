// The parts of libraries that have no types of their own, as far as they are used here.
declare module 'mailauth/lib/dkim/sign.js' {
  export function dkimSign(input: AsyncIterable<Buffer> | NodeJS.ReadableStream | Buffer, options: {
    canonicalization?: string
    signTime?: Date
    headerList?: readonly string[]
    signatureData: readonly { signingDomain: string; selector: string; privateKey: string; algorithm?: string }[]
  }): Promise<{ signatures: string; errors: readonly { err?: Error }[] }>
}
