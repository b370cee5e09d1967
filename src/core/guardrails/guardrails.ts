/** All guardrails of a bundle, compiled, and which of them apply to calls of a tool. */
import { isLifecycle } from "../catalog/lifecycle.ts"
import type { Tool } from "../catalog/tool.ts"
import type { DenialObserver } from "./denial-observer.ts"
import { argumentNames } from "./field.ts"
import type { CompiledGuardrail } from "./kind.ts"
import { compileGuardrail, kindOf, type Guardrail } from "./kinds.ts"
import { coversTool } from "./selector.ts"
import { countedFieldsOf } from "./telling-figures.ts"

/** The guardrails that have to do with calls of a tool. */
export interface Concerned {
  readonly judges: readonly CompiledGuardrail<Guardrail>[]
  readonly tracks: readonly CompiledGuardrail<Guardrail>[]
}

export interface Guardrails {
  readonly definitions: readonly Guardrail[]
  /** Called for tools of the catalog only, so that the cache of its answers is no larger than the catalog. */
  readonly about: (tool: Tool) => Concerned
  /** Ids of the guardrails whose figures would disclose an argument that the catalog redacts (telling-figures.ts). */
  readonly telltales: ReadonlySet<string>
  readonly denialObservers: readonly DenialObserver[]
  /** Names of the arguments that guardrails read of calls of a tool: a record has to contain them. */
  readonly reads: (tool: Tool) => ReadonlySet<string>
}

export function guardrailsOf(definitions: readonly Guardrail[], telltales: readonly string[]): Guardrails {
  const compiled = definitions.map(compileGuardrail)
  const concernedByTool = new Map<string, Concerned>()
  const readsByTool = new Map<string, ReadonlySet<string>>()
  return {
    definitions,
    telltales: new Set(telltales),
    denialObservers: compiled.flatMap(({ denialObserver }) => denialObserver ?? []),
    about: (tool) => {
      let concerned = concernedByTool.get(tool.name)
      if (!concerned) {
        const all = isLifecycle(tool)
          ? compiled.filter(({ guardrail }) => kindOf(guardrail).coversLifecycle(guardrail))
          : compiled
        const judges = all.filter((each) => each.appliesTo(tool))
        concernedByTool.set(tool.name, (concerned = { judges, tracks: all.filter((each) => each.tracks(tool)) }))
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

/** By name. A key on the whole call is not among them: a record has the hash of the arguments, which is enough. */
function argumentsRead(guardrail: Guardrail, tool: Tool): readonly string[] {
  const applies = coversTool(guardrail.of, tool)
  const own = applies ? argumentNames(countedFieldsOf(guardrail)) : []
  return [...own, ...kindOf(guardrail).conditionArguments(guardrail, tool, applies)]
}
