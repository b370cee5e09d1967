import { expect, inject, test } from "vitest"
import { FIELDS, NOT_STORED_IF_BLANK, SCHEMAS } from "../../../src/core/record/fields.ts"
import { CUT_LAST, field, NEVER_CUT, NO_ARGUMENT, text, TEXTS } from "../../../src/core/record/fields/field.ts"
import { recordOf, readStored, storedForm, type DecisionRecord } from "../../../src/core/record/record.ts"
import { redacted, type RedactableParts } from "../../../src/core/record/redaction.ts"
import { recordDecision } from "../../../src/core/record/call-record.ts"
import type { CallToRecord, VisibleCall } from "../../../src/core/record/visible-call.ts"
import { decision } from "../../../src/api/contract/decisions.ts"
import { NO_EVIDENCE } from "../../../src/core/decision/call.ts"
import type { BundleBody } from "../../../src/core/policy/bundle.ts"
import { assembled, callOf, newState, open, opened, scopes, START } from "../../harness/trees.ts"

const SECRET = "s0417s0417"
const blank = recordOf({ id: "dec_1", at: 1, kind: "call" })

test("a record has each field, and a reader takes what is written", () => {
  expect(Object.keys(blank).toSorted()).toEqual(Object.keys(FIELDS).toSorted())
  expect(decision().parse(blank)).toEqual(blank)
  expect(readStored(storedForm(blank))).toEqual(blank)
})

test("what is blank is not stored, and a reader fills it in: as of a Worker that does not know the field yet", () => {
  const stored: Partial<DecisionRecord> = JSON.parse(storedForm(blank).body)
  expect(Object.keys(stored).toSorted()).toEqual(["at", "code", "decision", "id", "kind"])
  expect(decision().parse(stored)).toEqual(blank)
  expect(NOT_STORED_IF_BLANK).toHaveLength(Object.keys(FIELDS).length - 5)
  // But for what says which decision it is, and what became of it.
  for (const name of ["id", "at", "kind", "decision", "code"] as const) {
    expect(SCHEMAS[name].safeParse(undefined).success, name).toBe(false)
  }
})

/** The yard, in which every tool redacts these arguments, and rules read all of them. */
function hiding(redact: readonly string[]): BundleBody {
  const body = inject("yard")
  const reading = {
    id: "reads-all",
    policy: {
      effect: "permit" as const,
      principal: { op: "All" },
      action: { op: "All" },
      resource: { op: "All" },
      conditions: [],
    },
    reads: ["*"],
  }
  return { ...body, tools: body.tools.map((tool) => ({ ...tool, redact })), rules: [...body.rules, reading] }
}

test("no field of a call's record shows an argument that its tool redacts, whatever else it shows", () => {
  const bundle = assembled(hiding(["pin"]))
  const state = newState()
  const held = opened(open(bundle, state, "first", null, { asked: scopes("files.*:write") }))
  const call = callOf(held, "files.write", { pin: SECRET, file: "a" })
  const denial = { reason: "argument_out_of_bounds", scope: "", argument: "Pin[]", bound: `eq "${SECRET}"` } as const
  const shadow = { decision: "deny", code: "insufficient_scope", principal: null, rules: [], scope: null } as const
  const candidate = { bundle: bundle.pointer, differs: { ...shadow, denial } }
  const ask: CallToRecord = {
    ...call,
    path: `/files/${SECRET}`,
    segments: [null, "pin"],
    size: 0,
    tokenHash: "0",
    recordKey: "0".repeat(64),
    receivedAt: START,
  }
  const verdict = { denial, evidence: NO_EVIDENCE, retryOf: null }
  const record = recordDecision(bundle, ask, verdict, candidate, { life: 1, number: 1 }, START)
  expect(JSON.stringify(record)).not.toContain(SECRET)
  expect(record).toMatchObject({
    path: "/files/[redacted]",
    arguments: { pin: "[redacted]", file: "a" },
    denial: { bound: "eq [redacted]" },
    candidate: { differs: { denial: { bound: "eq [redacted]" } } },
  })
})

test("each field that can hold an argument is redacted by its own entry", () => {
  const telling: RedactableParts = {
    path: `/files/${SECRET}`,
    arguments: { pin: SECRET },
    denial: { reason: "argument_out_of_bounds", scope: "", argument: "pin", bound: `eq "${SECRET}"` },
    candidate: null,
  }
  const by = { redact: ["pin"], segments: [null, "pin"], tools: assembled().catalog.tools }
  for (const [name, value] of Object.entries(redacted(telling, by))) {
    expect(JSON.stringify(value), name).not.toContain(SECRET)
  }
})

// What the compiler says of an entry in which something is forgotten; `npm run typecheck` fails if it says nothing.
const whole = { truncation: NEVER_CUT, redaction: NO_ARGUMENT, visibleTo: "operators", doc: "What." } as const
const listed = { ...whole, schema: TEXTS, blank: [] } as const
export const REFUSED_BY_COMPILER = [
  // @ts-expect-error -- nothing of the arguments in it
  () => text({ truncation: NEVER_CUT, visibleTo: "operators", doc: "What." }),
  // @ts-expect-error -- nothing of how it is cut
  () => text({ redaction: NO_ARGUMENT, visibleTo: "operators", doc: "What." }),
  // @ts-expect-error -- nothing of who sees it
  () => text({ truncation: CUT_LAST, redaction: NO_ARGUMENT, doc: "What." }),
  // @ts-expect-error -- no documentation
  () => text({ truncation: CUT_LAST, redaction: NO_ARGUMENT, visibleTo: "operators" }),
  // @ts-expect-error -- no schema
  () => field<readonly string[]>()({ ...whole, blank: [] }),
  // @ts-expect-error -- nothing of a record that does not have it
  () => field<readonly string[]>()({ ...whole, schema: TEXTS }),
  // @ts-expect-error -- readers take texts alone
  () => field<readonly number[]>()({ ...listed }),
  // @ts-expect-error -- what fills the record of a call has no argument but those that are redacted
  (call: VisibleCall) => call.context,
  // @ts-expect-error -- nor the question, with all of them
  (call: VisibleCall): CallToRecord => call,
  // @ts-expect-error -- who records a call hands over each field that can hold an argument
  (): RedactableParts => ({ path: null, arguments: {}, denial: null }),
]
