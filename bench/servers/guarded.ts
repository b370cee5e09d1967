/**
 * Guardrails for a copy of bench/policies, as a team would write them for the call that is timed: three windows, a
 * temporal rule and a budget, each of which has to be looked at for every call and none of which refuses one.
 */
import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import { compilePolicies } from "../../cli/compiler/compile.ts"
import { guard } from "../benchmark.ts"

export const TIMED_TOOL = "crm.tickets.get"
/** After this the temporal rule forbids the timed call in the same tree; no tree that is timed ever makes it. */
export const SPOILING_SCOPE = "crm.customers.*:read"
export const SPOILING_PATH = "/crm/customers/C-1"

/**
 * Large, so that credit is written down in blocks as it would be for any limit that a busy task can live with; the span
 * is so short that nothing here makes so many calls in it.
 */
const NEVER_FULL = { limit: 100_000, within: "10s" } as const

const WINDOWS = [
  { id: "whole-tree", tools: ["*"], per: "tree", ...NEVER_FULL },
  { id: "task-tickets", tools: ["crm.tickets.*"], per: "task", ...NEVER_FULL },
  { id: "each-tool", tools: ["crm.*"], per: ["task", "tool"], ...NEVER_FULL },
]
/** Of all trees together. */
const SHARED = { id: "everybody", tools: ["crm.*"], per: "everything", ...NEVER_FULL }

const OTHERS = {
  sequences: [
    {
      id: "no-ticket-after-customers",
      tools: [TIMED_TOOL],
      forbid: { formerly: { tools: ["crm.customers.*"], within: "1h" } },
    },
  ],
  budgets: [{ id: "work", tools: ["crm.*"], per: "tree", limit: 1_000_000_000 }],
}

export const GUARDED = { windows: WINDOWS, ...OTHERS }
export const GUARDED_AND_SHARED = { windows: [...WINDOWS, SHARED], ...OTHERS }

export type Guardrails = Readonly<Record<string, readonly { readonly id: string }[]>>

/** Takes the place of those of bench/policies. */
export async function writeGuardrails(directory: string, guardrails: Guardrails): Promise<void> {
  // JSON is YAML.
  await writeFile(join(directory, "guardrails.yaml"), JSON.stringify(guardrails))
}

/** The same, and none of them must be one that the timed call is not judged by. */
export async function guardTimedCall(directory: string, guardrails: Guardrails): Promise<void> {
  await writeGuardrails(directory, guardrails)
  const { bundle } = await compilePolicies(directory)
  const tool = bundle?.catalog.tools.get(TIMED_TOOL)
  const judges = bundle && tool ? bundle.guardrails.about(tool).applying.map((judge) => judge.guardrail.id) : []
  const written = Object.values(guardrails).flatMap((section) => section.map(({ id }) => id))
  guard(
    written.every((id) => judges.includes(id)),
    `${TIMED_TOOL} is judged by ${judges.join(", ")} only`,
  )
}
