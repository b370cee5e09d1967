/** What was published to a Worker: asked of it by an operator. */
import { EXIT, Failure } from "../terminal/failure.ts"
import { MOST_LISTED, bundles, type Bundles, type Publication } from "../../src/api/contract/bundles.ts"
import { askApi, type WorkerOptions } from "./worker.ts"

export async function bundlesAt(worker: WorkerOptions, bearer: string, limit = MOST_LISTED): Promise<Bundles> {
  const query = { limit: String(limit) }
  return askApi(worker, bearer, "listBundles", { parameters: {}, query, schema: bundles.listBundles.answer() })
}

/** @param which number, or beginning of a digest; absent: what decided before what decides now */
export function findPublished(
  which: string | undefined,
  history: readonly Publication[],
  live: Publication | null,
): Publication {
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
