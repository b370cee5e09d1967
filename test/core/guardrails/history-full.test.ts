/**
 * What a tree takes up does not grow with what it does: of each guardrail ten thousand keys or values are kept in mind, and a
 * call for which there is no room is denied, as it could not be counted. On the whole step of a call.
 */
import { expect, inject, test } from "vitest"
import type { Concurrency } from "../../../src/core/guardrails/concurrency.ts"
import type { Guardrail } from "../../../src/core/guardrails/kinds.ts"
import type { Limit, Span } from "../../../src/core/guardrails/limit-definition.ts"
import type { Sequence } from "../../../src/core/guardrails/sequence.ts"
import { assembled, callOf, newState, open, opened, reasonOf, START } from "../../harness/trees.ts"

const MOST = 10_000
const SECONDS = 60
const LATER = START + SECONDS * 1000

const FILE = "arguments.file"
const EACH_FILE = ["tree", FILE] as const
const READS = { tools: ["files.read"] }
const COMMON = { id: "bounded", of: READS, consequence: "deny" } as const

const limit = (span: Span, more: Partial<Limit> = {}): Limit => ({
  kind: "limit",
  topic: "window",
  ...COMMON,
  per: EACH_FILE,
  measure: { kind: "calls" },
  limit: 3,
  span,
  ...more,
})
const AT_ONCE: Concurrency = { kind: "concurrency", ...COMMON, limit: 3, per: EACH_FILE }
const sequence = (require: Sequence["require"]): Sequence => ({ kind: "sequence", ...COMMON, require })
const SAME_FILE = { ...READS, where: [{ past: FILE, present: FILE }] } as const
const AT_MOST = { atMost: 3 } as const

/** `known`: what becomes of a call whose key is kept already; `later`: of a new one, a span later. */
interface Bounded {
  readonly guardrail: Guardrail
  readonly known: string
  readonly later: string | null
}

test.each<readonly [string, Bounded]>([
  ["a sliding window", { guardrail: limit({ kind: "sliding", seconds: SECONDS }), known: "allowed", later: "allowed" }],
  ["a fixed window", { guardrail: limit({ kind: "fixed", seconds: SECONDS }), known: "allowed", later: "allowed" }],
  [
    "a token bucket",
    { guardrail: limit({ kind: "bucket", seconds: SECONDS, burst: 3 }), known: "allowed", later: "allowed" },
  ],
  ["a budget for life", { guardrail: limit({ kind: "life" }), known: "allowed", later: "history_full" }],
  [
    "values, each once, in a sliding window",
    {
      guardrail: limit(
        { kind: "sliding", seconds: SECONDS },
        { per: ["tree"], measure: { kind: "distinct", field: FILE }, limit: 2 * MOST },
      ),
      known: "allowed",
      later: "allowed",
    },
  ],
  [
    "values, each once, for life",
    {
      guardrail: limit(
        { kind: "life" },
        { per: ["tree"], measure: { kind: "distinct", field: FILE }, limit: 2 * MOST },
      ),
      known: "allowed",
      later: "history_full",
    },
  ],
  ["calls at once", { guardrail: AT_ONCE, known: "allowed", later: null }],
  [
    "a rule that looks back to the same",
    {
      guardrail: sequence({ kind: "not", of: { kind: "formerly", event: SAME_FILE, seconds: SECONDS } }),
      known: "sequence_broken",
      later: "allowed",
    },
  ],
  [
    "a rule that counts the same",
    {
      guardrail: sequence({ kind: "count", event: SAME_FILE, seconds: SECONDS, is: AT_MOST }),
      known: "allowed",
      later: "allowed",
    },
  ],
  [
    "a rule that tells values apart",
    {
      guardrail: sequence({ kind: "distinct", event: SAME_FILE, field: FILE, seconds: SECONDS, is: AT_MOST }),
      known: "allowed",
      later: "allowed",
    },
  ],
])("%s: so many, and no more", (_what, { guardrail, known, later }) => {
  const bundle = assembled({ ...inject("yard"), guardrails: [guardrail] })
  const state = newState()
  const held = opened(open(bundle, state, "first"))
  const read = (file: string, now = START): string => reasonOf(bundle, state, callOf(held, "files.read", { file }), now)
  const refused = Array.from({ length: MOST }, (_, index) => read(`file-${index}`)).filter((each) => each !== "allowed")
  expect(refused).toEqual([])
  expect([read("one-more"), read("file-0"), read("another")]).toEqual(["history_full", known, "history_full"])
  if (later !== null) expect(read("one-more", LATER)).toBe(later)
})

test.each<readonly [string, Guardrail]>([
  ["a budget", limit({ kind: "life" }, { per: ["tree"], measure: { kind: "distinct", field: FILE }, limit: MOST })],
  [
    "a budget that all trees share",
    limit(
      { kind: "sliding", seconds: SECONDS },
      { per: ["user"], measure: { kind: "distinct", field: FILE }, limit: MOST },
    ),
  ],
  [
    "a rule",
    sequence({ kind: "distinct", event: { ...READS, where: [] }, field: FILE, seconds: SECONDS, is: { atMost: MOST } }),
  ],
])("%s of values takes 256 of one call, and no more", (_what, guardrail) => {
  const bundle = assembled({ ...inject("yard"), guardrails: [guardrail] })
  const state = newState()
  const held = opened(open(bundle, state, "first"))
  const read = (many: number): string => {
    const file = Array.from({ length: many }, (_, index) => `file-${index}`)
    return reasonOf(bundle, state, callOf(held, "files.read", { file: [...file, ...file] }), START)
  }
  expect(read(257)).toBe("history_full")
  expect(read(256)).not.toBe("history_full")
})
