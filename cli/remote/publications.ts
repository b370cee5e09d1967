/** What was published to a Worker: asked of it by an operator. */
import { z } from "zod"
import { EXIT, Failure } from "../terminal/failure.ts"
import { askJson, type WorkerOptions } from "./worker.ts"
import { history as told, type Published } from "./publication.ts"

const pointer = z.object({ seq: z.number(), digest: z.string() })
const bundles = told.extend({ deciding: pointer })
export type Bundles = z.infer<typeof bundles>

/** All that a Worker lists at once. */
const MOST = 1_000

export async function bundlesAt(worker: WorkerOptions, bearer: string, limit = MOST): Promise<Bundles> {
  return askJson(worker, bearer, `/v1/bundles?limit=${limit}`, bundles)
}

/** @param which number, or beginning of a digest; absent: what decided before what decides now */
export function findPublished(
  which: string | undefined,
  history: readonly Published[],
  live: Published | null,
): Published {
  const pointers = history.filter(({ what }) => what === "pointer")
  const decided = pointers.filter(({ done }) => done)
  // Nobody knows whether what was cut off decides: what decided before it is what to go back to.
  if (which === undefined && live && pointers[0]?.done === false) return live
  const before = decided.filter(({ seq, digest }) => !live || (seq < live.seq && digest !== live.digest))
  const [found] =
    which === undefined
      ? before
      : decided.filter(({ seq, digest }) => String(seq) === which || (which.length >= 6 && digest.startsWith(which)))
  if (found) return found
  const fix = "Choose one of `narrowgate history`."
  if (which === undefined) throw new Failure("nothing decided before what decides now", fix)
  throw new Failure(`${which} is no bundle that has decided`, fix, EXIT.usage)
}
