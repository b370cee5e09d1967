/**
 * A guardrail that quarantines or ends the task whose call finds a count full, although other tasks may have filled it.
 */
import { entriesOf } from "../schema/guardrails.ts"
import type { Lint } from "./lint.ts"

export const sharedConsequence: Lint = {
  name: "shared-consequence",
  find: ({ policies: { guardrails } }) =>
    entriesOf(guardrails.value).flatMap(({ path, entry }) => {
      const key = keyOf(entry)
      if ((entry.then !== "quarantine" && entry.then !== "revoke") || !key || isOfAgent(key)) return []
      const others = key.length === 0 ? "anybody" : `every caller that shares its \`${key.join("`, `")}\``
      const message = `\`${entry.then}\` hits the task whose call finds it full, and ${others} can fill it`
      const fix = "Count `per: [agent, user_or_agent]`, or write `then: deny` or `approve`."
      return [guardrails.warning([...path, "then"], message, fix)]
    }),
}

type Entry = ReturnType<typeof entriesOf>[number]["entry"]

/** What an agent has done is its own, whichever of its tasks did it. */
function isOfAgent(key: readonly string[]): boolean {
  return (
    key.includes("task") ||
    (key.includes("agent") && ["tree", "user", "user_or_agent"].some((each) => key.includes(each)))
  )
}

/** Null if it has no count, and depends only on the call itself. */
function keyOf(entry: Entry): readonly string[] | null {
  if (!("per" in entry) || entry.per === undefined) return null
  if (entry.per === "agent" && !("limit" in entry)) return null
  return typeof entry.per === "string" ? [entry.per] : entry.per
}
