/**
 * A guardrail that denies because of earlier calls, and looks only at those of one task or tree: an agent gets rid of
 * them with a new task, which a client opens by itself when it is denied for want of scope.
 */
import { onlyDenies } from "../../../src/core/guardrails/condition-direction.ts"
import type { Field } from "../../../src/core/guardrails/definition.ts"
import type { Guardrail } from "../../../src/core/guardrails/kinds.ts"
import type { Limit } from "../../../src/core/guardrails/limit-definition.ts"
import type { Sequence } from "../../../src/core/guardrails/sequence.ts"
import { entriesOf } from "../schema/guardrails.ts"
import { soughtEvents } from "../../../src/core/guardrails/condition-direction.ts"
import type { Lint } from "./lint.ts"

export const beginsAnew: Lint = {
  name: "begins-anew",
  find: ({ policies: { guardrails } }) =>
    entriesOf(guardrails.value).flatMap(({ path, entry, section }) => {
      const reset = resetOf(section.toGuardrail(entry))
      if (!reset) return []
      const key = "per" in entry && entry.per !== undefined ? "per" : "id"
      return [guardrails.warning([...path, key], `${reset.because}, so a new task begins it anew`, reset.fix)]
    }),
}

interface Reset {
  readonly because: string
  readonly fix: string
}

/** Null if a new task changes nothing, or if the guardrail is about what a single task is. */
function resetOf(guardrail: Guardrail): Reset | null {
  switch (guardrail.kind) {
    case "limit":
      return resetOfLimit(guardrail)
    case "cycle":
    case "storm":
      return guardrail.per === "agent" ? null : resetOfLoop(guardrail.per)
    case "sequence":
      return resetOfSequence(guardrail)
    // How many calls are in flight is no history.
    case "concurrency":
      return null
    default:
      return guardrail satisfies never
  }
}

function resetOfLimit({ topic, per, measure, span }: Limit): Reset | null {
  const field = per.find(isOfTask)
  if (!field) return null
  switch (topic) {
    case "loop":
      return resetOfLoop(field)
    // A task that continues from elsewhere was taken over; a new one proves anew whose it is.
    case "deviation":
      return null
    case "window":
    case "budget": {
      // As long as a task lives it is about one customer, and the next task about another.
      if (measure.kind === "distinct" && span.kind === "life") return null
      const ofUser = per.some((each) => each === "user" || each === "user_or_agent") ? [] : ["user_or_agent"]
      const key = [...new Set(["agent", ...ofUser, ...per.filter((each) => !isOfTask(each))])].join(", ")
      const every = span.kind === "life" ? "`every: 1d` and " : ""
      return {
        because: `it counts by \`${field}\``,
        fix: `Write ${every}\`per: [${key}]\`, without \`agent\` for all agents of a user together.`,
      }
    }
    default:
      return topic satisfies never
  }
}

function resetOfLoop(per: string): Reset {
  return {
    because: `it looks at one ${per}`,
    fix: "Remove `per`: it then looks at all tasks of the agent for the user.",
  }
}

function resetOfSequence({ history, require }: Sequence): Reset | null {
  const denying = soughtEvents(require, "fewer").filter(({ denies }) => denies === "more")
  if (denying.length === 0) return null
  if (history === undefined) {
    const fix = onlyDenies(require, "fewer")
      ? "Remove `per`: it then looks at all tasks of the agent for the user."
      : "Make two sequences: one of what must have happened, one of what must not. Or write `per: agent`."
    return { because: "earlier calls of one tree can deny by it", fix }
  }
  const field = denying.flatMap(({ where }) => where.map(({ past }) => past)).find(isOfTask)
  if (field) return { because: `an event that denies is tied to the \`${field}\``, fix: `Remove \`${field}\` there.` }
  if (!denying.some(({ in: place }) => place === "task")) return null
  return { because: "the `previous` that denies is that of the task", fix: "Remove `in`." }
}

function isOfTask(field: Field): boolean {
  return field === "task" || field === "tree"
}
