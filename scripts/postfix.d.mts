// What of postfix.mjs the tests use.
export function toFolders(home: string, domain: string, people: Readonly<Record<string, string>>): string[]
export function startPostfix(options: { readonly home: string; readonly hostname: string; readonly port: number; readonly settings: readonly string[] }): Promise<{ readonly port: number; log(): string; stop(): void }>
