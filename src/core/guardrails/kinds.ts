/**
 * The kinds of guardrails. A new kind is a file beside this one, its definition in the union `Guardrail`, and its row
 * in `KINDS`. Everything else that differs between kinds is a member of `GuardrailKind`.
 */
import { concurrency, type Concurrency } from "./concurrency.ts"
import { cycle, type Cycle } from "./cycle.ts"
import type { CompiledGuardrail, GuardrailKind } from "./kind.ts"
import type { Limit } from "./limit-definition.ts"
import { limit } from "./limit.ts"
import { sequence, type Sequence } from "./sequence.ts"
import { storm, type Storm } from "./storm.ts"

export type Guardrail = Limit | Sequence | Cycle | Storm | Concurrency

export const KINDS: { readonly [K in Guardrail["kind"]]: GuardrailKind<Extract<Guardrail, { readonly kind: K }>> } = {
  limit,
  sequence,
  cycle,
  storm,
  concurrency,
}

export const KIND_NAMES: readonly string[] = Object.keys(KINDS)

/** For each gauge's name, the text that follows its limit if it has no span. */
export const GAUGES: Readonly<Record<string, string>> = Object.assign(
  {},
  ...Object.values(KINDS).map(({ gauges }) => gauges),
)

/** A definition is only passed to the kind that its own `kind` names, which the result's type does not express. */
export function kindOf({ kind }: Pick<Guardrail, "kind">): GuardrailKind<Guardrail> {
  return KINDS[kind]
}

export function compileGuardrail(guardrail: Guardrail): CompiledGuardrail<Guardrail> {
  return kindOf(guardrail).compile(guardrail)
}

/** Returns a guardrail for people, with its figures as guardrails.yaml writes them. */
export function writtenGuardrail(guardrail: Guardrail): Guardrail {
  return kindOf(guardrail).written(guardrail)
}
