/** Risks that this isolate knows of at once: the tests of switches say how long others take; and a rule that reads them. */
import { env } from "cloudflare:workers"
import type { Signal, ReportedRisk } from "../../src/core/guardrails/risk.ts"
import type { WrittenRisk } from "../../src/core/signals/leased-risks.ts"
import { switchboard } from "../../src/revocation/switchboard.ts"
import { publish, yard } from "./bundles.ts"
import { kept } from "./switches.ts"

export async function rate(kind: ReportedRisk["kind"], name: string, told: Omit<Signal, "at"> | null): Promise<void> {
  await kept(switchboard(env).rate(kind, name, told))
}

/** What the switchboard knows. */
export async function known(): Promise<readonly WrittenRisk[]> {
  return JSON.parse(await switchboard(env).risks())
}

const context = (attr: string) => ({ ".": { left: { Var: "context" }, attr } })
/** From a risk of 50 on nobody reads a file. */
export const CAREFUL = {
  id: "nothing-while-risky",
  policy: {
    effect: "forbid",
    principal: { op: "All" },
    action: { op: "==", entity: { type: "Action", id: "read" } },
    resource: { op: "==", entity: { type: "Tool", id: "files.read" } },
    conditions: [{ kind: "when", body: { ">=": { left: context("risk"), right: { Value: 50 } } } }],
  },
  reads: [],
  facts: ["risk"],
} as const

/** The yard with that rule. */
export async function publishCareful(): Promise<void> {
  const body = await yard()
  await publish({ ...body, rules: [...body.rules, CAREFUL] })
}
