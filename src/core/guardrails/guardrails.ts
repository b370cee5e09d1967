/** All guardrails of a bundle, compiled, and which of them apply to calls of a tool. */
import { isLifecycle } from "../catalog/lifecycle.ts"
import type { Tool } from "../catalog/tool.ts"
import type { DenialObserver } from "./denial-observer.ts"
import { argumentNames } from "./field.ts"
import type { CompiledGuardrail } from "./kind.ts"
import { compileGuardrail, kindOf, type Guardrail } from "./kinds.ts"
import { coversTool } from "./selector.ts"
import { countedFieldsOf } from "./figure-disclosure.ts"

/** The guardrails that concern calls of a tool. */
export interface ToolGuardrails {
  readonly applying: readonly CompiledGuardrail<Guardrail>[]
  readonly tracking: readonly CompiledGuardrail<Guardrail>[]
}

export interface Guardrails {
  readonly definitions: readonly Guardrail[]
  /** Called only for tools of the catalog, so that the cache of its results is no larger than the catalog. */
  readonly about: (tool: Tool) => ToolGuardrails
  /** Ids of the guardrails whose figures would disclose an argument that the catalog redacts (figure-disclosure.ts). */
  readonly figuresHidden: ReadonlySet<string>
  readonly denialObservers: readonly DenialObserver[]
  /** Returns the names of the arguments that guardrails read of calls of a tool, which a record must contain. */
  readonly reads: (tool: Tool) => ReadonlySet<string>
}

export function guardrailsOf(definitions: readonly Guardrail[], figuresHidden: readonly string[]): Guardrails {
  const compiled = definitions.map(compileGuardrail)
  const concernedByTool = new Map<string, ToolGuardrails>()
  const readsByTool = new Map<string, ReadonlySet<string>>()
  return {
    definitions,
    figuresHidden: new Set(figuresHidden),
    denialObservers: compiled.flatMap(({ denialObserver }) => denialObserver ?? []),
    about: (tool) => {
      let concerned = concernedByTool.get(tool.name)
      if (!concerned) {
        const all = isLifecycle(tool)
          ? compiled.filter(({ guardrail }) => kindOf(guardrail).coversLifecycle(guardrail))
          : compiled
        const applying = all.filter((each) => each.appliesTo(tool))
        concernedByTool.set(tool.name, (concerned = { applying, tracking: all.filter((each) => each.tracks(tool)) }))
      }
      return concerned
    },
    reads: (tool) => {
      let names = readsByTool.get(tool.name)
      if (!names) {
        readsByTool.set(tool.name, (names = new Set(definitions.flatMap((each) => argumentsRead(each, tool)))))
      }
      return names
    },
  }
}

/**
 * Returns the names of the arguments that a guardrail reads. A key on the whole call adds none, because the record has
 * the hash of the arguments, which suffices.
 */
function argumentsRead(guardrail: Guardrail, tool: Tool): readonly string[] {
  const applies = coversTool(guardrail.of, tool)
  const own = applies ? argumentNames(countedFieldsOf(guardrail)) : []
  return [...own, ...kindOf(guardrail).conditionArguments(guardrail, tool, applies)]
}
