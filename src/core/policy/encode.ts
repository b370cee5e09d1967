/**
 * BundleBody → the text of a bundle. The first line has what every decision needs and the lengths of the tables
 * (sorted-table.ts) that follow, from which a decision reads what it needs. The build writes it, assemble.ts reads it.
 */
import { disclosingGuardrails } from "../guardrails/figure-disclosure.ts"
import type { BundleBody } from "./bundle.ts"
import { keyOf } from "./cedar/entities.ts"
import { writeRules } from "./cedar/filing.ts"
import { writeTable } from "../encoding/sorted-table.ts"

/** Where a table begins and ends, in UTF-16 units from the end of the first line. */
export type Span = readonly [from: number, to: number]

type TableName = "actions" | "shelves" | "rules" | "entities" | "tools" | "agents"

/** The first line. */
export interface Head extends Omit<BundleBody, TableName> {
  /** Ids of guardrails whose figures would disclose what the catalog redacts. */
  readonly telltales: readonly string[]
  /** Whether a rule reads how many calls a task has made. */
  readonly readsCalls: boolean
  readonly tables: Readonly<Record<TableName, Span>>
}

/**
 * The same `policies/` always gives the same text. Throws on duplicates, and UnsupportedOperator (est.ts) for a rule
 * that cannot be filed.
 */
export function encode({ rules, entities, tools, agents, ...rest }: BundleBody): string {
  let text = ""
  const append = (table: string): Span => [text.length, (text += table).length]
  const filed = writeRules(rules, canonical)
  const head: Head = {
    ...rest,
    telltales: disclosingGuardrails(rest.guardrails, tools),
    readsCalls: rules.some(({ facts = [] }) => facts.some((fact) => READS_CALLS.has(fact))),
    tables: {
      actions: append(filed.actions),
      shelves: append(filed.shelves),
      rules: append(filed.rules),
      entities: append(writeTable("entity", entities, ({ uid }) => keyOf(uid), canonical).text),
      tools: append(writeTable("tool", tools, ({ name }) => name, canonical).text),
      agents: append(writeTable("agent", agents, ({ id }) => id, canonical).text),
    },
  }
  return `${canonical(head)}\n${text}`
}

/** Members of the context (LoweredRule.facts) that are, or have, that number. */
const READS_CALLS: ReadonlySet<string> = new Set(["*", "task", "task.calls", "task.tree_calls"])

/** JSON without spaces, members in the order of their names: the official engine guarantees no order. */
function canonical(value: unknown): string {
  return JSON.stringify(value, sortMembers)
}

function sortMembers(_name: string, value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value
  return Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)))
}
