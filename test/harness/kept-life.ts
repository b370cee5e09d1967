/** A tree on the real SQLite of an object, moved call by call, that may crash in between. */
import { runInDurableObject } from "cloudflare:test"
import { env } from "cloudflare:workers"
import type { Guardrail } from "../../src/core/guardrails/kinds.ts"
import type { Memory } from "../../src/core/guardrails/memory.ts"
import { heldOf, KeptTree, memoryOf, openingsOf } from "./driven-trees.ts"
import { openYard } from "./modelled-life.ts"
import { ALICE, callOf, START } from "./trees.ts"

export interface KeptLife {
  readonly sql: SqlStorage
  /** Milliseconds; moved by who drives it. */
  now: number
  /** @returns the reason of a denial, or "allowed" */
  call(tool: string, values?: Readonly<Record<string, unknown>>): string
  /** The task has a token again, if a clock that was set back has cut its life short. */
  renew(): void
  /** A newer bundle. */
  publish(...guardrails: readonly Guardrail[]): void
  /** Or an eviction. */
  crash(): void
  memory(): Memory
}

export async function inKeptLife(
  guardrails: readonly Guardrail[],
  work: (life: KeptLife) => void | Promise<void>,
): Promise<void> {
  await runInDurableObject(env.LEDGER.getByName(crypto.randomUUID()), async (_ledger, { storage }) => {
    const bundle = openYard(guardrails)
    const tree = new KeptTree(storage, bundle, ALICE)
    const [opening] = openingsOf(bundle, ALICE)
    if (!opening) throw new Error("no task is open")
    tree.open(opening)
    const life: KeptLife = {
      sql: storage.sql,
      now: START,
      call: (tool, values = {}) =>
        tree.call(callOf(heldOf(opening), tool, values), Math.floor(life.now))?.reason ?? "allowed",
      renew: () => tree.open({ ...opening, task: null }),
      publish: (...newer) => {
        tree.bundle = openYard(newer)
      },
      crash: () => tree.crash(Math.floor(life.now)),
      memory: () => memoryOf(tree.state),
    }
    await work(life)
  })
}
