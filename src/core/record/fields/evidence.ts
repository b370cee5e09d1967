/** Fields with the policies and the state of the task tree by which a decision was made. */
import { KIND_NAMES } from "../../guardrails/kinds.ts"
import * as z from "zod"
import { redactedDenial } from "../../catalog/redaction.ts"
import { hideFigures } from "../../denials/denial.ts"
import type { Use, WindowUse } from "../../guardrails/kind.ts"
import type { Pointer } from "../../policy/bundle.ts"
import type { Approval } from "../../task/approval.ts"
import type { CarriedLabel } from "../../task/labels.ts"
import {
  CUT_LAST,
  field,
  NEVER_CUT,
  NO_ARGUMENT,
  NULLABLE_TEXT,
  text,
  TEXTS,
  type Redaction,
  type ValueOf,
} from "./field.ts"
import { shortDenial, VERDICT_FIELDS } from "./verdict.ts"

/** A candidate bundle, and what it would have decided differently. Null if nothing. */
export interface ShadowResult {
  readonly bundle: Pointer
  readonly differs: Differing | null
}

/** The fields that differ: for a call another code, for a token request another scope or none. */
export type Differing = { readonly [F in keyof typeof VERDICT_FIELDS]: ValueOf<(typeof VERDICT_FIELDS)[F]> }

/** An approval that the call used. */
export interface UsedApproval extends Pick<Approval, "id" | "name" | "guardrail"> {
  readonly by: readonly string[]
}

const pointer = z.looseObject({ seq: z.number(), digest: z.string() })

export interface Listing {
  readonly asked: number
  readonly hidden: Readonly<Record<string, number>>
  readonly tools?: Readonly<Record<string, readonly string[]>>
}

export const EVIDENCE_FIELDS = {
  bundle: field<Pointer | null>()({
    schema: pointer.nullable(),
    blank: null,
    truncation: NEVER_CUT,
    redaction: NO_ARGUMENT,
    personal: false,
    visibleTo: "operators",
    doc: "`seq` and `digest` of the bundle that decided.",
  }),
  windows: field<readonly WindowUse[]>()({
    schema: z.array(
      z.looseObject({
        window: z.string(),
        limit: z.number(),
        seconds: z.number(),
        used: z.number(),
        asked: z.number().exactOptional(),
        waits: z.number().exactOptional(),
      }),
    ),
    blank: [],
    truncation: CUT_LAST,
    // A guardrail whose figures would disclose an argument records none (core/guardrails/figure-disclosure.ts).
    redaction: NO_ARGUMENT,
    personal: false,
    visibleTo: "operators",
    doc: "Rate limits of the tool: `window`, `limit`, `seconds`, `used` before the call, `asked` by it, `waits` (ms until it fits).",
  }),
  guardrails: field<readonly Use[]>()({
    schema: z.array(
      z.looseObject({
        guardrail: z.string(),
        kind: z.enum(KIND_NAMES),
        holds: z.boolean(),
        used: z.number().exactOptional(),
        asked: z.number().exactOptional(),
        limit: z.number().exactOptional(),
      }),
    ),
    blank: [],
    truncation: NEVER_CUT,
    // For the same reason as `windows`.
    redaction: NO_ARGUMENT,
    personal: false,
    visibleTo: "operators",
    doc: "Every other guardrail that applied: `guardrail`, `kind`, `holds`; of what is counted `used` before the call, `asked`, `limit`.",
  }),
  calls: field<{ readonly used: number; readonly limit: number | null } | null>()({
    schema: z.object({ used: z.number(), limit: z.number().nullable() }).nullable(),
    blank: null,
    truncation: NEVER_CUT,
    redaction: NO_ARGUMENT,
    personal: false,
    visibleTo: "operators",
    doc: "Calls of the task before this one, and its limit (null: none).",
  }),
  approvals: field<readonly UsedApproval[]>()({
    schema: z.array(
      z.looseObject({ id: z.string(), name: NULLABLE_TEXT, guardrail: NULLABLE_TEXT, by: z.array(z.string()) }),
    ),
    blank: [],
    truncation: NEVER_CUT,
    redaction: NO_ARGUMENT,
    personal: true,
    visibleTo: "operators",
    doc: "Approvals that the call used: `id`, `name` (null: any operator's), `guardrail` (null: rules), `by`: who approved.",
  }),
  labels: field<readonly string[]>()({
    schema: TEXTS,
    blank: [],
    truncation: CUT_LAST,
    redaction: NO_ARGUMENT,
    personal: false,
    visibleTo: "operators",
    doc: "What the call has to answer for: labels that its tree bears, and those that the agents of its chain carry.",
  }),
  carried: field<readonly CarriedLabel[]>()({
    schema: z.array(z.looseObject({ label: z.string(), decision: z.string() })),
    blank: [],
    truncation: CUT_LAST,
    redaction: NO_ARGUMENT,
    personal: false,
    visibleTo: "operators",
    doc: "Those of `labels` that the tree does not bear: `label`, and the `decision` by which an agent of the chain picked it up.",
  }),
  listing: field<Listing | null>()({
    schema: z
      .looseObject({
        asked: z.number(),
        hidden: z.record(z.string(), z.number()),
        // Absent in records of earlier versions.
        tools: z.record(z.string(), TEXTS).exactOptional(),
      })
      .nullable(),
    blank: null,
    truncation: NEVER_CUT,
    redaction: NO_ARGUMENT,
    personal: false,
    visibleTo: "operators",
    doc: "Of a query which tools may be called: `asked`, how many it was about, by reason how many may not (`hidden`) and which (`tools`).",
  }),
  candidate: field<ShadowResult | null>()({
    schema: z
      .looseObject({
        bundle: pointer,
        differs: z
          .looseObject({
            decision: VERDICT_FIELDS.decision.schema,
            code: VERDICT_FIELDS.code.schema,
            denial: VERDICT_FIELDS.denial.schema,
            principal: VERDICT_FIELDS.principal.schema.exactOptional(),
            rules: VERDICT_FIELDS.rules.schema,
            scope: VERDICT_FIELDS.scope.schema,
          })
          .nullable(),
      })
      .nullable(),
    blank: null,
    truncation: { atOnce: shortCandidate, ifTooLong: "record" },
    redaction: redactedCandidate,
    personal: true,
    visibleTo: "operators",
    doc: "If a candidate bundle was tried: `bundle`, and `differs`: null, or the other `decision`, `code`, `denial` and so on.",
  }),
  cut: field<readonly string[]>()({
    schema: TEXTS,
    blank: [],
    truncation: NEVER_CUT,
    redaction: NO_ARGUMENT,
    personal: false,
    visibleTo: "operators",
    doc: "Names of the fields that were too long to be stored whole.",
  }),
  token_hash: text({
    truncation: NEVER_CUT,
    redaction: NO_ARGUMENT,
    personal: false,
    visibleTo: "operators",
    doc: "First 16 hex digits of the SHA-256 of the delegation token without its signature: tells two apart, opens nothing.",
  }),
  bound: field<boolean>()({
    schema: z.boolean(),
    blank: false,
    truncation: NEVER_CUT,
    redaction: NO_ARGUMENT,
    personal: false,
    visibleTo: "operators",
    doc: "Whether the call proved possession of the token's key.",
  }),
  total_ms: field<number>()({
    schema: z.number(),
    blank: 0,
    truncation: NEVER_CUT,
    redaction: NO_ARGUMENT,
    personal: false,
    visibleTo: "operators",
    doc: "Milliseconds from the arrival of the request at the edge to the decision.",
  }),
  io_ms: field<number>()({
    schema: z.number(),
    blank: 0,
    truncation: NEVER_CUT,
    redaction: NO_ARGUMENT,
    personal: false,
    visibleTo: "operators",
    doc: "The part of it spent waiting for keys, KV or the ledger; 0 if no ledger decided.",
  }),
}

function shortCandidate(candidate: ShadowResult | null): ShadowResult | null {
  const differs = candidate?.differs
  if (!differs) return candidate
  const denial = shortDenial(differs.denial)
  return denial === differs.denial ? candidate : { ...candidate, differs: { ...differs, denial } }
}

/**
 * A candidate redacts what its own catalog redacts, which may be less than the deciding catalog does. The edge does not
 * know which tools the grant covers, so it hides what is redacted for any tool. Figures are hidden because they decide
 * nothing.
 */
function redactedCandidate(candidate: ShadowResult | null, { tools }: Redaction): ShadowResult | null {
  const differs = candidate?.differs
  const own = differs?.denial
  if (!candidate || !differs || !own) return candidate
  const redact = [...tools.values()].flatMap((tool) => tool.redact)
  const denial = redactedDenial(hideFigures(own), redact)
  return denial === own ? candidate : { ...candidate, differs: { ...differs, denial } }
}
