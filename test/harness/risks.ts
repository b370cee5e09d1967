/** Risks that this isolate knows of at once: the tests of switches say how long others take. */
import { env } from "cloudflare:workers"
import type { Signal, ToldRisk } from "../../src/guardrails/risk.ts"
import { forgetSwitches } from "../../src/switches/lease.ts"
import type { WrittenRisk } from "../../src/switches/risks.ts"
import { switchboard } from "../../src/switches/switchboard.ts"

export async function rate(kind: ToldRisk["kind"], name: string, told: Omit<Signal, "at"> | null): Promise<void> {
  await switchboard(env).rate(kind, name, told)
  forgetSwitches()
}

/** What the switchboard keeps. */
export async function kept(): Promise<readonly WrittenRisk[]> {
  return JSON.parse(await switchboard(env).risks())
}
