// What people read in replies, in other languages than English (LANGUAGE, RFC 5255). `{}` is whatever stands there. A sentence that
// nobody has translated stays as it is.
export const languages = ['en', 'de', 'i-default'] as const
export type Language = (typeof languages)[number]

const german: Readonly<Record<string, string>> = {
  '{} completed': '{} ausgeführt',
  'Logged in': 'Angemeldet',
  Goodbye: 'Auf Wiedersehen',
  'The gateway is shutting down': 'Das Gateway wird beendet',
  'Autologout: silent for too long': 'Automatische Abmeldung: zu lange still',
  'Too many bad commands': 'Zu viele unverständliche Befehle',
  'Too many failed logins': 'Zu viele fehlgeschlagene Anmeldungen',
  'Too many failed logins; try again later': 'Zu viele fehlgeschlagene Anmeldungen; bitte später noch einmal versuchen',
  'Authentication failed': 'Anmeldung fehlgeschlagen',
  'Passwords are accepted only under TLS': 'Passwörter werden nur unter TLS angenommen',
  'Begin TLS negotiation now': 'TLS kann jetzt beginnen',
  'DEFLATE active': 'DEFLATE ist eingeschaltet',
  'Internal error {}': 'Interner Fehler {}',
  'Log in first': 'Bitte zuerst anmelden',
  'You are logged in already': 'Die Anmeldung ist schon erfolgt',
  'No mailbox is selected': 'Kein Postfach ist ausgewählt',
  'There is no command {}': 'Den Befehl {} gibt es nicht',
  'No mailbox {}': 'Kein Postfach {}',
  'There is no such mailbox': 'Dieses Postfach gibt es nicht',
  'There is already a mailbox {}': 'Ein Postfach {} gibt es schon',
  'Not a usable mailbox name: {}': 'Kein brauchbarer Postfachname: {}',
  'The mailbox {} has children; delete them first': 'Das Postfach {} hat untergeordnete; diese müssen zuerst gelöscht werden',
  'The mailbox {} cannot be removed or renamed': 'Das Postfach {} kann weder gelöscht noch umbenannt werden',
  'The mailbox is open read-only': 'Das Postfach ist nur zum Lesen geöffnet',
  'The mailbox was deleted by another session': 'Das Postfach wurde von einer anderen Sitzung gelöscht',
  'The account has reached its limit of {} mailboxes': 'Mehr als {} Postfächer kann das Konto nicht haben',
  'The mailbox of {} is over its quota': 'Das Postfach von {} ist voll',
  'The message is larger than {} octets': 'Die Nachricht ist größer als {} Oktette',
  'No such message': 'Diese Nachricht gibt es nicht',
  'No such message; the last is {}': 'Diese Nachricht gibt es nicht; die letzte ist {}',
  'Some of the messages no longer exist': 'Einige der Nachrichten gibt es nicht mehr',
  'Some of the messages were expunged by another session': 'Einige der Nachrichten wurden von einer anderen Sitzung gelöscht',
  'Some of the messages were changed by another session': 'Einige der Nachrichten wurden von einer anderen Sitzung geändert',
  'There is no message with that UID': 'Mit dieser UID gibt es keine Nachricht',
  'An empty message is not kept; nothing was appended': 'Eine leere Nachricht wird nicht aufbewahrt; nichts wurde hinzugefügt',
  'There is no such message text': 'Diesen Nachrichtentext gibt es nicht',
  'The charset is not known': 'Der Zeichensatz ist nicht bekannt',
  'Not a usable keyword: {}': 'Kein brauchbares Schlagwort: {}',
  'There is no usable filter of that name': 'Einen brauchbaren Filter dieses Namens gibt es nicht',
  'Quotas are set by the administration': 'Grenzen setzt die Verwaltung',
  'There is no room left on the disk': 'Auf dem Datenträger ist kein Platz mehr',
  'The message text cannot be had at the moment': 'Der Text der Nachricht ist im Augenblick nicht zu haben',
  'There is no such language': 'Diese Sprache gibt es hier nicht',
  'Nested deeper than {} levels': 'Tiefer als {} Ebenen verschachtelt',
  'Wanted {}, found {}': 'Erwartet: {}, gefunden: {}',
}

const catalogs: Readonly<Record<Language, readonly (readonly [RegExp, string])[]>> = { en: [], 'i-default': [], de: compile(german) }

function compile(catalog: Readonly<Record<string, string>>): readonly (readonly [RegExp, string])[] {
  return Object.entries(catalog).map(([english, other]) => [new RegExp(`^${english.replace(/[.*+?^$()|[\]\\]/g, '\\$&').replaceAll('{}', '(.*)')}$`, 's'), other] as const)
}

/** A sentence in a language: octets of UTF-8. */
export function inLanguage(language: Language, sentence: string): string {
  for (const [pattern, other] of catalogs[language]) {
    const found = pattern.exec(sentence)
    if (!found) continue
    let n = 0
    return Buffer.from(other.replace(/\{\}/g, () => found[++n]), 'utf8').toString('latin1')
  }
  return sentence
}
