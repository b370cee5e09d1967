/**
 * Guardrails for a recorded call. Only the record tells what they had in memory, so each is evaluated on that. If the
 * record does not mention a guardrail, or its definition has changed, the call is assumed to keep to it. If the catalog
 * redacts what a limit reads, the record has no figures, but states whether the call kept to the limit.
 */
import type { Guardrails } from "../guardrails/guardrails.ts"
import { guardrailsOf } from "../guardrails/guardrails.ts"
import {
  evaluationOf,
  NOTHING,
  type CompiledGuardrail,
  type Evaluation,
  type Use,
  type UseFigures,
} from "../guardrails/kind.ts"
import { kindOf, type Guardrail } from "../guardrails/kinds.ts"
import type { Bundle } from "../policy/assemble.ts"
import type { RecordedCall } from "./recorded-call.ts"

export interface RecordedGuardrails {
  readonly guardrails: Guardrails
  /** Ids of guardrails whose state the record does not contain. */
  readonly notRecorded: readonly string[]
  /** The one of these that denied the call, if the record hides its figures: what it would do now is unknown. */
  readonly unknown: string | null
}

/** @param recordedBy the bundle that decided the call; null if it is not available */
export function recreateGuardrails(
  record: RecordedCall,
  bundle: Bundle,
  recordedBy: Bundle | null,
): RecordedGuardrails {
  const all = bundle.guardrails
  const tool = record.tool === null ? undefined : bundle.catalog.tools.get(record.tool)
  if (!tool) return { guardrails: guardrailsOf([], []), notRecorded: [], unknown: null }
  const before = new Map(recordedBy?.guardrails.definitions.map((each) => [each.id, each]))
  const uses = new Map(usesIn(record).map((use) => [use.guardrail, use]))
  const notRecorded: string[] = []
  const breaker = brokenBy(record)
  let unknown: string | null = null
  const applying = all.about(tool).applying.map((compiled): CompiledGuardrail<Guardrail> => {
    const { id, kind } = compiled.guardrail
    const use = uses.get(id) ?? (id === breaker ? { guardrail: id, kind, holds: false } : undefined)
    const recreated = use && asRecorded(compiled, use, before.get(id))
    if (recreated) return recreated
    notRecorded.push(id)
    const hidesFigures = use?.used === undefined && kindOf(compiled.guardrail).recreate !== undefined
    if (id === breaker && hidesFigures) unknown = id
    return withEvaluation(compiled, NOTHING)
  })
  return {
    guardrails: { ...all, denialObservers: [], about: () => ({ applying, tracking: [] }) },
    notRecorded,
    unknown,
  }
}

/** The guardrail that denied the call. */
function brokenBy({ denial }: RecordedCall): unknown {
  return denial && (denial.window ?? denial.budget ?? denial.guardrail)
}

/** A record has windows in a list of their own, with the figures that a caller could see. */
function usesIn({ windows, guardrails }: RecordedCall): readonly Use[] {
  const rates = windows.map(({ window, limit, used, asked: amount = 1, waits = 0 }): Use => {
    return { guardrail: window, kind: "limit", holds: waits === 0, used, asked: amount, limit }
  })
  return [...rates, ...guardrails]
}

/** @param before the same guardrail in the bundle that decided the call */
function asRecorded(
  compiled: CompiledGuardrail<Guardrail>,
  use: Use,
  before: Guardrail | undefined,
): CompiledGuardrail<Guardrail> | null {
  const { guardrail } = compiled
  const kind = kindOf(guardrail)
  if (use.kind !== guardrail.kind) return null
  if (kind.recreate && hasFigures(use)) {
    if (before && before.kind !== guardrail.kind) return null
    return kind.recreate(guardrail, use, before ?? null)
  }
  // The record states only whether the call kept to it, which says nothing about another definition.
  if (!before || JSON.stringify(before) !== JSON.stringify(guardrail)) return null
  const evaluation = use.holds ? evaluationOf(null, { use }) : evaluationOf(kind.recordedDenial(guardrail))
  return withEvaluation(compiled, evaluation)
}

function withEvaluation(compiled: CompiledGuardrail<Guardrail>, evaluation: Evaluation): CompiledGuardrail<Guardrail> {
  return { ...compiled, evaluate: () => evaluation }
}

/** Without figures of what was used, the record hides them: they would disclose an argument that the catalog redacts. */
function hasFigures(use: Use): use is UseFigures {
  return use.used !== undefined && use.asked !== undefined
}
