// How the special mailboxes of new accounts are called (RFC 6154): by the configuration, or in the language of a domain or account.
import type { Settings } from '../config/schema.js'
import type { SpecialUse } from './contract.js'

type Names = Readonly<Record<keyof Settings['mailboxes']['special'], string>>

const uses: Readonly<Record<keyof Names, SpecialUse>> = { drafts: '\\Drafts', sent: '\\Sent', junk: '\\Junk', trash: '\\Trash', archive: '\\Archive' }

/** As mail programs in these languages call them. */
const names: Readonly<Record<Settings['mailboxes']['languages'][string], Names>> = {
  en: { drafts: 'Drafts', sent: 'Sent', junk: 'Junk', trash: 'Trash', archive: 'Archive' },
  da: { drafts: 'Kladder', sent: 'Sendt', junk: 'Uønsket', trash: 'Papirkurv', archive: 'Arkiv' },
  de: { drafts: 'Entwürfe', sent: 'Gesendet', junk: 'Spam', trash: 'Papierkorb', archive: 'Archiv' },
  es: { drafts: 'Borradores', sent: 'Enviados', junk: 'Correo no deseado', trash: 'Papelera', archive: 'Archivo' },
  fr: { drafts: 'Brouillons', sent: 'Envoyés', junk: 'Indésirables', trash: 'Corbeille', archive: 'Archives' },
  it: { drafts: 'Bozze', sent: 'Inviati', junk: 'Posta indesiderata', trash: 'Cestino', archive: 'Archivio' },
  nl: { drafts: 'Concepten', sent: 'Verzonden', junk: 'Ongewenst', trash: 'Prullenbak', archive: 'Archief' },
  pl: { drafts: 'Szkice', sent: 'Wysłane', junk: 'Niechciane', trash: 'Kosz', archive: 'Archiwum' },
  pt: { drafts: 'Rascunhos', sent: 'Enviados', junk: 'Lixo eletrónico', trash: 'Lixo', archive: 'Arquivo' },
  sv: { drafts: 'Utkast', sent: 'Skickat', junk: 'Skräppost', trash: 'Papperskorgen', archive: 'Arkiv' },
}

/** Name → use, for an account by its login name; without one: as the configuration calls them. */
export type SpecialMailboxes = (account?: string) => Readonly<Record<string, SpecialUse>>

export function specialMailboxes({ special, languages }: Pick<Settings['mailboxes'], 'special' | 'languages'>): SpecialMailboxes {
  const languageOf = new Map(Object.entries(languages).map(([whose, language]) => [whose.toLowerCase(), language]))
  return (account) => {
    const language = account === undefined ? undefined : (languageOf.get(account) ?? languageOf.get(account.slice(account.lastIndexOf('@') + 1)) ?? languageOf.get('*'))
    const called = language === undefined ? special : names[language]
    return Object.fromEntries((Object.keys(uses) as (keyof Names)[]).map((which) => [called[which].normalize('NFC'), uses[which]]))
  }
}
