// The library has no types of its own.
declare module 'saslprep' {
  /** SASLprep (RFC 4013). Throws on prohibited characters. */
  export default function saslprep(text: string, options?: { allowUnassigned?: boolean }): string
}
