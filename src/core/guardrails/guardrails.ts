/** All guardrails of a bundle at work, and which of them are about calls of a tool. */
import { isLifecycle } from "../catalog/lifecycle.ts"
import type { Tool } from "../catalog/tool.ts"
import { concurrencyInstrument } from "./concurrency.ts"
import { cycleInstrument } from "./cycle.ts"
import type { Guardrail } from "./definition.ts"
import type { GuardrailKind } from "./kind.ts"
import { limitInstrument } from "./limit.ts"
import { argumentsRead } from "./argument-reads.ts"
import { sequenceInstrument } from "./sequence.ts"
import { lookoutFor, stormInstrument, type DenialObserver } from "./storm.ts"

/** The closed set of kinds: one more is one file and one line. */
function instrumentFor(guardrail: Guardrail): GuardrailKind {
  switch (guardrail.kind) {
    case "limit":
      return limitInstrument(guardrail)
    case "sequence":
      return sequenceInstrument(guardrail)
    case "cycle":
      return cycleInstrument(guardrail)
    case "storm":
      return stormInstrument(guardrail)
    case "concurrency":
      return concurrencyInstrument(guardrail)
    default:
      return guardrail satisfies never
  }
}

/** How fast a client pings is a matter of windows alone; nothing else is about what keeps a session going. */
function isWindow(guardrail: Guardrail): boolean {
  return guardrail.kind === "limit" && guardrail.topic === "window"
}

/** Those that calls of a tool have to do with. */
export interface Concerned {
  readonly judges: readonly GuardrailKind[]
  readonly tracks: readonly GuardrailKind[]
}

export interface Guardrails {
  readonly definitions: readonly Guardrail[]
  /** Asked about tools of the catalog only, so that what is remembered is no more than they are. */
  readonly about: (tool: Tool) => Concerned
  /** Ids of those whose figures would tell an argument that the catalog redacts (telltale.ts). */
  readonly telltales: ReadonlySet<string>
  /** Who is told of denials. */
  readonly denialObservers: readonly DenialObserver[]
  /** Names of the arguments that are read of calls of a tool. */
  readonly reads: (tool: Tool) => ReadonlySet<string>
}

export function guardrailsOf(definitions: readonly Guardrail[], telltales: readonly string[]): Guardrails {
  const instruments = definitions.map(instrumentFor)
  const known = new Map<string, Concerned>()
  const read = new Map<string, ReadonlySet<string>>()
  return {
    definitions,
    telltales: new Set(telltales),
    denialObservers: definitions.flatMap((guardrail) => (guardrail.kind === "storm" ? [lookoutFor(guardrail)] : [])),
    about: (tool) => {
      let concerned = known.get(tool.name)
      if (!concerned) {
        const chosen = isLifecycle(tool) ? instruments.filter(({ guardrail }) => isWindow(guardrail)) : instruments
        const judges = chosen.filter((instrument) => instrument.appliesTo(tool))
        known.set(tool.name, (concerned = { judges, tracks: chosen.filter((each) => each.tracks(tool)) }))
      }
      return concerned
    },
    reads: (tool) => {
      let names = read.get(tool.name)
      if (!names) read.set(tool.name, (names = new Set(definitions.flatMap((each) => argumentsRead(each, tool)))))
      return names
    },
  }
}
