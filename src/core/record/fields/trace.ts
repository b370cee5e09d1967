/** Fields by which a decision is a span of a trace. */
import * as z from "zod"
import { field, NEVER_CUT, NO_ARGUMENT, text } from "./field.ts"

/** What a decision can wait for, in the order in which it does. */
export const STEPS = ["bundle", "body", "lease", "keys", "signing_key", "ledger", "shared"] as const
export type Step = (typeof STEPS)[number]

/** Milliseconds of each wait that took any. */
export type Steps = Readonly<Partial<Record<Step, number>>>

export const TRACE_FIELDS = {
  trace: text({
    truncation: NEVER_CUT,
    redaction: NO_ARGUMENT,
    personal: false,
    visibleTo: "operators",
    doc: "`traceparent` of the request without its version: trace id, parent span id, flags. The caller has chosen it.",
  }),
  steps: field<Steps>()({
    schema: z.record(z.string(), z.number()),
    blank: {},
    truncation: NEVER_CUT,
    redaction: NO_ARGUMENT,
    personal: false,
    visibleTo: "operators",
    doc: "Milliseconds that it waited for `bundle`, `body`, `lease`, `keys`, `signing_key`, `ledger` or `shared` state; 0 is left out.",
  }),
}
