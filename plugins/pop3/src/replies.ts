// What POP3 says, in the languages it says it in (LANG, RFC 6856 3), and error codes to response codes (RFC 2449 8, RFC 3206).
// The only place here that words anything.
import { isFailure, type ErrorCode } from '@restante/core'

const en = {
  ready: 'Restante POP3 ready',
  bye: 'Goodbye',
  byeDeleted: 'Goodbye; deleted: {count}',
  notAllDeleted: 'Some deleted messages were not removed',
  loggedIn: '{count} messages, {octets} octets',
  userNext: 'Now the password',
  authentication: 'Authentication failed',
  throttled: 'Too many failed logins; try again later',
  tooManyFailures: 'Too many failed logins; goodbye',
  cancelled: 'Authentication cancelled',
  mechanism: 'That mechanism is not offered here',
  base64: 'That is not base64',
  actForSelf: 'This login may act for itself only',
  tlsFirst: 'Start TLS first: passwords do not travel in clear',
  noApop: 'APOP is not offered',
  inUse: 'The maildrop is in use by another session',
  loginDelay: 'Wait {seconds} seconds between logins',
  userFirst: 'USER first',
  notNow: '{command} is not possible now',
  unknown: 'There is no command {command}',
  tooLong: 'The line is too long',
  syntax: 'Usage: {usage}',
  noMessage: 'There is no message {number}',
  deletedAlready: 'Message {number} is deleted',
  gone: 'The message is gone',
  unavailable: 'The message cannot be had at the moment',
  utf8: 'The message has UTF-8 header fields; say UTF8 first',
  utf8On: 'UTF-8 it is',
  beginTls: 'Begin TLS',
  noTls: 'TLS cannot be had',
  tlsAlready: 'TLS is on already',
  deleted: 'Message {number} deleted',
  reset: '{count} messages, {octets} octets',
  ok: 'OK',
  capabilities: 'Capabilities follow',
  list: '{count} messages',
  octets: '{octets} octets',
  top: 'Top of message follows',
  languages: 'Languages follow',
  language: 'English it is',
  noLanguage: 'That language is not spoken here',
  trouble: 'Temporary trouble; try again later',
  bug: 'Internal error {id}',
  shutdown: 'The gateway is shutting down',
  autologout: 'Nothing heard for too long',
}
export type Text = keyof typeof en

const de: Readonly<Record<Text, string>> = {
  ready: 'Restante POP3 bereit',
  bye: 'Auf Wiedersehen',
  byeDeleted: 'Auf Wiedersehen; gelöscht: {count}',
  notAllDeleted: 'Einige gelöschte Nachrichten wurden nicht entfernt',
  loggedIn: '{count} Nachrichten, {octets} Oktette',
  userNext: 'Nun das Kennwort',
  authentication: 'Anmeldung fehlgeschlagen',
  throttled: 'Zu viele fehlgeschlagene Anmeldungen; bitte später versuchen',
  tooManyFailures: 'Zu viele fehlgeschlagene Anmeldungen; auf Wiedersehen',
  cancelled: 'Anmeldung abgebrochen',
  mechanism: 'Dieses Verfahren wird hier nicht angeboten',
  base64: 'Das ist kein Base64',
  actForSelf: 'Diese Anmeldung gilt nur für das eigene Konto',
  tlsFirst: 'Erst TLS beginnen: Kennwörter reisen nicht im Klartext',
  noApop: 'APOP wird nicht angeboten',
  inUse: 'Das Postfach wird von einer anderen Sitzung benutzt',
  loginDelay: 'Zwischen zwei Anmeldungen bitte {seconds} Sekunden warten',
  userFirst: 'Erst USER',
  notNow: '{command} ist jetzt nicht möglich',
  unknown: 'Es gibt keinen Befehl {command}',
  tooLong: 'Die Zeile ist zu lang',
  syntax: 'Form: {usage}',
  noMessage: 'Es gibt keine Nachricht {number}',
  deletedAlready: 'Nachricht {number} ist gelöscht',
  gone: 'Die Nachricht ist nicht mehr da',
  unavailable: 'Die Nachricht ist zurzeit nicht zu bekommen',
  utf8: 'Die Nachricht hat UTF-8-Kopfzeilen; erst UTF8 sagen',
  utf8On: 'Also UTF-8',
  beginTls: 'TLS kann beginnen',
  noTls: 'TLS ist nicht verfügbar',
  tlsAlready: 'TLS läuft schon',
  deleted: 'Nachricht {number} gelöscht',
  reset: '{count} Nachrichten, {octets} Oktette',
  ok: 'OK',
  capabilities: 'Fähigkeiten folgen',
  list: '{count} Nachrichten',
  octets: '{octets} Oktette',
  top: 'Anfang der Nachricht folgt',
  languages: 'Sprachen folgen',
  language: 'Also Deutsch',
  noLanguage: 'Diese Sprache wird hier nicht gesprochen',
  trouble: 'Vorübergehende Störung; bitte später versuchen',
  bug: 'Interner Fehler {id}',
  shutdown: 'Der Dienst wird beendet',
  autologout: 'Zu lange nichts gehört',
}

/** Tag to name (in its own language) and texts. The first is what a session begins with. */
export const languages: Readonly<Record<string, { readonly name: string; readonly texts: Readonly<Record<Text, string>> }>> = {
  en: { name: 'English', texts: en },
  de: { name: 'Deutsch', texts: de },
}

export type Facts = Readonly<Record<string, string | number>>

export function say(language: string, text: Text, facts: Facts = {}): string {
  return languages[language]!.texts[text].replace(/\{(\w+)\}/g, (_, name: string) => String(facts[name] ?? ''))
}

/** A command that cannot be done; the reason goes to the client. */
export class Refused extends Error {
  constructor(readonly text: Text, readonly facts: Facts = {}, readonly code = '') {
    super(text)
  }
}

const refusals: { readonly [C in ErrorCode]?: readonly [Text, string] } = {
  AUTHENTICATION_FAILED: ['authentication', 'AUTH'],
  ACCOUNT_DISABLED: ['authentication', 'AUTH'],
  AUTHENTICATION_THROTTLED: ['throttled', 'SYS/TEMP'],
  MAILDROP_IN_USE: ['inUse', 'IN-USE'],
  MESSAGE_NOT_FOUND: ['gone', 'SYS/PERM'],
  CONTENT_UNAVAILABLE: ['unavailable', 'SYS/TEMP'],
  SHUTTING_DOWN: ['shutdown', 'SYS/TEMP'],
}

/** undefined: nobody foresaw it; log it. */
export function refusalOf(error: unknown): Refused | undefined {
  if (error instanceof Refused) return error
  if (!isFailure(error)) return undefined
  const [text, code] = refusals[error.code] ?? (error.kind === 'temporary' ? (['trouble', 'SYS/TEMP'] as const) : [])
  return text && new Refused(text, {}, code)
}
