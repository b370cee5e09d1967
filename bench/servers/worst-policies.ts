/**
 * Policies that cost the most to evaluate, one tool each: every kind of bound, patterns with many wildcards, rules and
 * conditions without number. Limits of what may be written count here; those of a call's work do not.
 */
import { appendFile } from "node:fs/promises"
import { join } from "node:path"
import { edit } from "./edit.ts"
import { ORIGIN } from "./identities.ts"

export const POLICY_SERVER = "policy"
export const policyPath = (name: string): string => `/worst-policy/${name}`

const each = <Item>(count: number, itemOf: (nth: number) => Item): readonly Item[] =>
  Array.from({ length: count }, (_, nth) => itemOf(nth))

/** Of one list in a bound. */
const MOST_ITEMS = 64
/** Windows with bounds of their own, of each tool. */
const WINDOWS = 12

const BOUNDS: Readonly<Record<string, (nth: number) => object>> = {
  path: (nth) => ({ path: each(MOST_ITEMS, (item) => `/srv/${"d".repeat(200)}${nth}-${item}`) }),
  url: (nth) => ({ url: { hosts: each(MOST_ITEMS, (item) => `*.h${nth}-${item}.example.org`), path: "/v1" } }),
  "url-path": (nth) => ({ url: { hosts: ["*.example.org"], path: `/v1/${nth}` } }),
  email: (nth) => ({ email: each(MOST_ITEMS, (item) => `*.h${nth}-${item}.example.org`) }),
  cidr: (nth) => ({ cidr: each(MOST_ITEMS, (item) => `2001:db8:${nth}${item}::/48`) }),
  quantity: (nth) => ({ quantity: { min: `${nth} B`, max: "1000 TiB" } }),
  date: (nth) => ({ date: { from: `2020-01-${10 + nth}`, to: "2030-01-01T00:00:00.5+05:30" } }),
  "schema-pattern": (nth) => ({ schema: { items: { pattern: `(a?){${30 + nth}}(b|c|a){9}x` }, pattern: "(a*)*b$" } }),
  "schema-branches": (nth) => ({ schema: { items: { anyOf: each(60, (item) => ({ const: `${nth}-${item}` })) } } }),
  "schema-unique": (nth) => ({ schema: { uniqueItems: true, maxItems: 10_000 + nth, maxProperties: 9_999 } }),
  "schema-members": (nth) => ({
    schema: { properties: Object.fromEntries(each(90, (item) => [`m${nth}x${item}`, { minLength: 1 }])) },
  }),
  like: (nth) => ({ like: `*${`${"a".repeat(nth + 1)}*`.repeat(20)}${"a".repeat(nth)}b*` }),
  length: (nth) => ({ max_length: 90_000 + nth }),
}

const LIKE = each(200, (nth) => `context.arguments.to like "*${"a".repeat(nth % 7)}b${nth}*${"a*".repeat(20)}"`)
const RULES: Readonly<Record<string, readonly string[]>> = {
  "rules-like": LIKE,
  "rules-contains": each(200, (nth) => `["${nth}", "b"].contains(context.arguments.to)`),
  "rules-equal": each(200, (nth) => `[context.arguments.to, "${nth}"] == ["${nth}", "b"]`),
  "rules-nested": [
    LIKE.slice(0, 12).reduce((inner, each) => `(if ${each} then false else (${inner} || ${each} && true))`, "false"),
  ],
}

/** A condition of calls within a condition of calls, each about the same argument. */
const nested = (levels: number): object => ({
  tools: [`${POLICY_SERVER}.conditions`],
  of: "arguments.to",
  within: "1h",
  at_least: 10_000,
  arguments: { to: { max_length: 100_000 } },
  ...(levels > 0 && { when: { distinct: nested(levels - 1) } }),
})

export const POLICIES: readonly string[] = [...Object.keys(BOUNDS), ...Object.keys(RULES), "conditions"]

export async function addPolicies(directory: string): Promise<void> {
  await edit(join(directory, "catalog.yaml"), (catalog) => {
    for (const name of POLICIES) {
      const route = { origin: ORIGIN, methods: ["POST"], path: policyPath(name) }
      const tool = { name: `${POLICY_SERVER}.${name}`, action: "write", sensitivity: "internal", groups: ["desk"] }
      catalog.addIn(["tools"], { ...tool, route })
    }
  })
  await edit(join(directory, "guardrails.yaml"), (guardrails) => {
    for (const [name, boundOf] of Object.entries(BOUNDS)) {
      for (let nth = 0; nth < WINDOWS; nth++) {
        const of = { tools: [`${POLICY_SERVER}.${name}`], arguments: { to: boundOf(nth) } }
        guardrails.addIn(["windows"], { id: `${name}-${nth}`, ...of, per: "tree", limit: 100_000, within: "10s" })
      }
    }
    const sequence = {
      id: "nested",
      tools: [`${POLICY_SERVER}.conditions`],
      forbid: { not: { not: { distinct: nested(5) } } },
    }
    guardrails.set("sequences", [sequence])
  })
  const rules = Object.entries(RULES).flatMap(([name, conditions]) =>
    conditions.map(
      (condition, nth) =>
        `@id("${name}-${nth}")\nforbid (principal, action == Action::"write", resource == Tool::"${POLICY_SERVER}.${name}")\nwhen { context.arguments has to && ${condition} };\n`,
    ),
  )
  await appendFile(join(directory, "desk.cedar"), `\n${rules.join("\n")}`)
}
