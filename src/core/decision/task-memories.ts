/** Which of a ledger's memories concern the calls of a task. */
import type { History } from "../guardrails/history.ts"
import type { CompiledGuardrail } from "../guardrails/kind.ts"
import type { Memory } from "../guardrails/memory.ts"
import type { MemoryUpdate } from "../guardrails/memory-update.ts"
import { scopeOfAgent, USER_SCOPE, type Scope, type ScopedUpdates } from "../task/memories.ts"
import type { TreeState } from "../task/state.ts"
import type { Task } from "../task/task.ts"

interface PlacedMemory {
  readonly scope: Scope
  readonly memory: Memory
}

export class TaskMemories {
  readonly #byHistory: { [H in History]?: readonly PlacedMemory[] } = {}
  readonly #state: TreeState
  readonly #ancestry: readonly Task[]

  /** @param ancestry the calling task and its ancestors */
  constructor(state: TreeState, ancestry: readonly Task[]) {
    this.#state = state
    this.#ancestry = ancestry
  }

  /** Those on which a guardrail is evaluated, the calling agent's first; one, unless it looks at each agent of the chain. */
  of(history: History): readonly PlacedMemory[] {
    return (this.#byHistory[history] ??= this.#scopesOf(history).map((scope) => ({
      scope,
      memory: this.#state.ledger.memories.of(scope),
    })))
  }

  #scopesOf(history: History): readonly Scope[] {
    switch (history) {
      case "tree":
        return [this.#state.root]
      case "user":
        return [USER_SCOPE]
      case "agent":
        return this.#ancestry.slice(0, 1).map(({ historyKey }) => scopeOfAgent(historyKey))
      case "chain":
        return [...new Set(this.#ancestry.map(({ historyKey }) => scopeOfAgent(historyKey)))]
      default:
        return history satisfies never
    }
  }

  /** The updates of one guardrail on each of its memories. */
  updates(
    { guardrail, history }: Pick<CompiledGuardrail, "guardrail" | "history">,
    of: (memory: Memory) => readonly MemoryUpdate[],
  ): readonly ScopedUpdates[] {
    return this.of(history).map(({ scope, memory }) => ({ scope, updates: of(memory.of(guardrail)) }))
  }
}
