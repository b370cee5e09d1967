/** Risks that this isolate knows of at once: the tests of switches say how long others take. */
import { env } from "cloudflare:workers"
import type { Signal, ToldRisk } from "../../src/guardrails/risk.ts"
import type { WrittenRisk } from "../../src/switches/risks.ts"
import { switchboard } from "../../src/switches/switchboard.ts"
import { kept } from "./switches.ts"

export async function rate(kind: ToldRisk["kind"], name: string, told: Omit<Signal, "at"> | null): Promise<void> {
  await kept(switchboard(env).rate(kind, name, told))
}

/** What the switchboard knows. */
export async function known(): Promise<readonly WrittenRisk[]> {
  return JSON.parse(await switchboard(env).risks())
}
