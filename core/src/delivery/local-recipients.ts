// The store's port for local recipients, implemented: plan.ts asks and writes nothing, file.ts writes and asks nothing.
import type { Clock } from '../base/clock.js'
import type { LocalRecipients } from '../store/ports.js'
import { fileMessages, withdrawEntries, type FileParts } from './file.js'
import { planDelivery, type DeliveryPlan, type PlanParts } from './plan.js'

export function makeLocalRecipients(parts: PlanParts & FileParts & { readonly clock: Clock }): LocalRecipients<DeliveryPlan> {
  return {
    plan: (arrival) => planDelivery(parts, arrival),
    refusals: (plan) => plan.recipients.map(({ refusal }) => refusal),
    write: (tx, filings) => fileMessages(parts, tx, filings, parts.clock.now()),
    withdraw: (tx, recipients) => withdrawEntries(parts, tx, recipients),
  }
}
