/** Rules that name an agent, a tool or a group that is not there. Such a `forbid` would never hold, without a word. */
import { madeEntities, MADE_TYPES, managingEntities, uidText } from "../entities.ts"
import { suggest } from "../nearest.ts"
import type { Policies } from "../policies.ts"
import type { Problem } from "../problem.ts"
import { allTools } from "../tools.ts"

/** Users are known from their tokens only. */
const TYPES = MADE_TYPES.filter((type) => type !== "User")
const MENTION = new RegExp(`(?<![\\w:])(${TYPES.join("|")})::("(?:[^"\\\\\\n]|\\\\.)*")`, "gu")

export function checkMentions(policies: Policies): Problem[] {
  const { rules, agents, catalog } = policies
  const made = [...madeEntities(agents.value.agents, allTools(catalog.value)), ...managingEntities(policies)]
  const known = new Set(made.map(({ uid }) => uidText(uid)))
  return rules.flatMap(({ path: file, text }) =>
    text.split("\n").flatMap((line, index) =>
      Array.from(withoutComment(line).matchAll(MENTION)).flatMap((mention): Problem[] => {
        if (known.has(mention[0])) return []
        const mend = suggest(
          mention[0],
          known,
          "Correct the name, or add it to agents.yaml, catalog.yaml or operators.yaml.",
        )
        const [line, column] = [index + 1, mention.index + 1]
        const place = { file, line, column, end: { line, column: column + mention[0].length } }
        const message = `\`${mention[0]}\` is not there, so nothing matches it`
        return [{ ...place, severity: "warning", lint: "unknown-entity", message, mend }]
      }),
    ),
  )
}

/** Cedar's `//`, but not the one inside a string. */
function withoutComment(line: string): string {
  return /^(?:"(?:[^"\\]|\\.)*"|\/(?!\/)|[^"/])*/u.exec(line)?.[0] ?? line
}
