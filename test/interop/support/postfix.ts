// A Postfix of our own that takes mail for a domain, with TLS. Needs root.
import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { startPostfix as start, toFolders } from '../../../scripts/postfix.mjs'

export const isRoot = process.getuid?.() === 0

export interface Postfix {
  readonly port: number
  /** Messages in the mailbox of `name`, in no order. */
  mail(name: string): Buffer[]
  /** Lines of its log. */
  log(): string
  stop(): void
}

/** @param folder of the test's, for everything @param domain whose mail it takes, for `people` @param port from `freePort` @param settings further lines of main.cf */
export async function startPostfix(folder: string, domain: string, people: readonly string[], port: number, settings: readonly string[] = []): Promise<Postfix> {
  const home = join(folder, `postfix-${domain}`)
  mkdirSync(home, { recursive: true })
  chmodSync(folder, 0o755)
  execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-keyout', join(home, 'key.pem'), '-out', join(home, 'cert.pem'), '-days', '9', '-subj', `/CN=mx.${domain}`], { stdio: 'ignore' })
  const running = await start({ home, hostname: `mx.${domain}`, port, settings: [
    ...toFolders(home, domain, Object.fromEntries(people.map((name) => [`${name}@${domain}`, name]))), 'message_size_limit = 100000000', 'minimal_backoff_time = 2s', 'queue_run_delay = 2s',
    `smtpd_tls_cert_file = ${join(home, 'cert.pem')}`, `smtpd_tls_key_file = ${join(home, 'key.pem')}`, 'smtpd_tls_security_level = may', 'smtpd_tls_received_header = yes', ...settings,
  ] })
  return {
    ...running,
    mail(name) {
      try {
        const box = join(home, 'mail', name, 'new')
        return readdirSync(box).map((file) => readFileSync(join(box, file)))
      } catch {
        return []
      }
    },
  }
}
