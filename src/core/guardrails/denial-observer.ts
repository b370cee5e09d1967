/** The part of a guardrail that counts denials. */
import type { Code } from "../denials/terms/code.ts"
import type { Denial } from "../denials/denial.ts"
import type { Tool } from "../catalog/tool.ts"
import type { GuardrailDefinition } from "./definition.ts"
import type { CallFacts } from "./field.ts"
import type { History } from "./history.ts"
import type { Memory } from "./memory.ts"
import type { MemoryUpdate } from "./memory-update.ts"

/** Facts of a denied call. The tool is null if the catalog does not have it. */
export type DeniedFacts = Omit<CallFacts, "tool"> & { readonly tool: Tool | null }

export interface DenialObserver {
  readonly guardrail: GuardrailDefinition
  /** As of `CompiledGuardrail`. */
  readonly history: History
  /** @returns what a denial adds to the memory, and the denial that affects the task if this one is one too many */
  denied(
    facts: DeniedFacts,
    code: Code,
    memory: Memory,
    now: number,
  ): { readonly memoryUpdates: readonly MemoryUpdate[]; readonly storm: Denial | null }
}
