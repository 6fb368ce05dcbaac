// Every command, once. A new command is a file, and a line here.
import { deleteAcl, getAcl, listRights, myRights, setAcl } from './acl.js'
import { append, replace } from './append.js'
import { authenticate } from './authenticate.js'
import { capability } from './capability.js'
import type { Command } from './command.js'
import { compress } from './compress.js'
import { cancelUpdate } from './contexts.js'
import { copy, move } from './copy.js'
import { enable } from './enable.js'
import { esearch } from './esearch.js'
import { expunge } from './expunge.js'
import { fetch } from './fetch.js'
import { id } from './id.js'
import { idle } from './idle.js'
import { language } from './language.js'
import { list, lsub, namespace, xlist } from './list.js'
import { login } from './login.js'
import { logout } from './logout.js'
import { create, remove, rename, subscribe, unsubscribe } from './mailboxes.js'
import { getMetadata, setMetadata } from './metadata.js'
import { check, noop } from './noop.js'
import { notify } from './notify.js'
import { find, partial } from './obsolete.js'
import { getQuota, getQuotaRoot, setQuota } from './quota.js'
import { search } from './search.js'
import { close, examine, select, unselect } from './select.js'
import { sort, thread } from './sort.js'
import { starttls } from './starttls.js'
import { status } from './status.js'
import { store } from './store.js'
import { uidBatches } from './uid-batches.js'
import { unauthenticate } from './unauthenticate.js'
import { genUrlAuth, resetKey, urlFetch } from './urlauth.js'

export const rows: readonly Command[] = [
  capability, noop, logout, id, language,
  starttls, authenticate, login, unauthenticate, compress,
  enable, select, examine, create, remove, rename, subscribe, unsubscribe, list, lsub, xlist, find, namespace, status, getQuota, getQuotaRoot, setQuota, getMetadata, setMetadata, getAcl, setAcl, deleteAcl, listRights, myRights, append, genUrlAuth, urlFetch, resetKey, idle, notify, esearch,
  check, close, unselect, expunge, search, sort, thread, cancelUpdate, uidBatches, fetch, partial, store, copy, move, replace,
]

export const table: ReadonlyMap<string, Command> = new Map(rows.map((row) => [row.name, row]))
