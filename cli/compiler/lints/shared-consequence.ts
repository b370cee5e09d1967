/** What freezes or ends the task whose call finds a count full that others may have filled. */
import { entriesOf } from "../schema/guardrails.ts"
import type { Lint } from "./lint.ts"

export const sharedConsequence: Lint = {
  name: "shared-consequence",
  find: ({ policies: { guardrails } }) =>
    entriesOf(guardrails.value).flatMap(({ path, entry }) => {
      const key = keyOf(entry)
      if ((entry.then !== "quarantine" && entry.then !== "revoke") || !key || key.includes("task")) return []
      const others = key.length === 0 ? "anybody" : `whoever shares its \`${key.join("`, `")}\``
      const message = `\`${entry.then}\` hits the task whose call finds it full, and ${others} can fill it`
      return [guardrails.warning([...path, "then"], message, "Count `per: task`, or write `then: deny` or `approve`.")]
    }),
}

type Entry = ReturnType<typeof entriesOf>[number]["entry"]

/** Null: it has none, and is about what the call itself does. */
function keyOf(entry: Entry): readonly string[] | null {
  if (!("per" in entry)) return null
  return typeof entry.per === "string" ? [entry.per] : entry.per
}
