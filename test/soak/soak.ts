/**
 * What all soaks have in common. `npm run test:soak` runs each kind for a million calls; `SOAK_CALLS` and `SOAK_SEED` set
 * how many, and which.
 */
import { runInDurableObject } from "cloudflare:test"
import { env } from "cloudflare:workers"
import { expect, inject, test } from "vitest"
import { Run, type Kind, type Result } from "./run.ts"

declare module "vitest" {
  interface TaskMeta {
    /** For the table at the end (reporter.ts). */
    soak?: Result
  }
}

const SOAK = inject("soak")
/** Calls of one event of an object. */
const SLICE = 20_000

/** @param drive with so many calls in each slice */
export function soakEach<Each extends { readonly name: string; readonly part?: number }>(
  kinds: readonly Each[],
  drive: (kind: Each, seed: number, slices: readonly number[]) => Promise<Result>,
): void {
  test.for(kinds)(
    "$name: nothing is admitted that the model forbids, nothing is denied that the documented error does not explain",
    { timeout: 900_000 },
    async (kind, { task }) => {
      const calls = Math.ceil(SOAK.calls * (kind.part ?? 1))
      const slices = Array.from({ length: Math.ceil(calls / SLICE) }, (_, index) =>
        Math.min(SLICE, calls - index * SLICE),
      )
      const result = await drive(kind, SOAK.seed, slices)
      task.meta.soak = result
      expect(result.disagreements, JSON.stringify(result, null, 2)).toEqual({ admitted: 0, denied: 0 })
    },
  )
}

/** On a tree as its ledger keeps it. */
export function soak(kinds: readonly Kind[]): void {
  soakEach(kinds, async (kind, seed, slices) => {
    const object = env.LEDGER.getByName(crypto.randomUUID())
    let run: Run | undefined
    for (const slice of slices) {
      await runInDurableObject(object, (_ledger, { storage }) => {
        run ??= new Run(storage, kind, seed)
        run.go(slice)
      })
    }
    if (!run) throw new Error("nothing was run")
    return run.result
  })
}
