// Parts of libraries that have no types of their own, as far as tests use them.
declare module 'mailauth/lib/dkim/verify.js' {
  export function dkimVerify(input: Buffer, options: { resolver: (name: string, type: string) => Promise<unknown> }): Promise<{ results: { signingDomain: string; algo: string; status: { result: string } }[] }>
}
declare module 'mailauth/lib/arc/index.js' {
  export function sealMessage(input: Buffer, seal: { signingDomain: string; selector: string; privateKey: string; authResults: string; cv: string }): Promise<Buffer>
}
