/**
 * What all soaks have in common. `npm run test:soak` runs each kind for a million calls, `npm test` for some thousands;
 * `SOAK_CALLS` and `SOAK_SEED` set how many, and which.
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

export const SOAK = inject("soak")
/** Of one event of the object: so long that none of them is cut off. */
const SLICE = 20_000

export function soak(kinds: readonly Kind[]): void {
  test.for(kinds)(
    "$name: nothing is admitted that the model forbids, nothing is denied that the documented error does not explain",
    { timeout: 900_000 },
    async (kind, { task }) => {
      const object = env.LEDGER.getByName(crypto.randomUUID())
      let run: Run | undefined
      for (let left = SOAK.calls; left > 0; left -= SLICE) {
        await runInDurableObject(object, (_ledger, { storage }) => {
          run ??= new Run(storage, kind, SOAK.seed)
          run.go(Math.min(left, SLICE))
        })
      }
      if (!run) throw new Error("nothing was run")
      const { result } = run
      task.meta.soak = result
      expect(result.disagreements, JSON.stringify(result, null, 2)).toEqual({ admitted: 0, denied: 0 })
    },
  )
}
