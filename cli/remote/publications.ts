/** The publications of a Worker, as an operator reads them. */
import { EXIT, Failure } from "../terminal/failure.ts"
import { MOST_LISTED, bundles, type Bundles, type Publication } from "../../src/api/contract/bundles.ts"
import { requestApi, type WorkerOptions } from "./worker.ts"

export async function bundlesAt(worker: WorkerOptions, bearer: string, limit = MOST_LISTED): Promise<Bundles> {
  const query = { limit: String(limit) }
  return requestApi(worker, bearer, "listBundles", { parameters: {}, query, schema: bundles.listBundles.answer() })
}

/** @param which number, or beginning of a digest; absent: the publication before the live one */
export function findPublished(
  which: string | undefined,
  history: readonly Publication[],
  live: Publication | null,
): Publication {
  const pointers = history.filter(({ what }) => what === "pointer")
  const decided = pointers.filter(({ done }) => done)
  // It is unknown whether an interrupted publication is live; the one before it is what to return to.
  if (which === undefined && live && pointers[0]?.done === false) return live
  const before = decided.filter(({ seq, digest }) => !live || (seq < live.seq && digest !== live.digest))
  const [found] =
    which === undefined
      ? before
      : decided.filter(({ seq, digest }) => String(seq) === which || (which.length >= 6 && digest.startsWith(which)))
  if (found) return found
  const fix = "Choose one of `narrowgate history`."
  if (which === undefined) throw new Failure("there is no earlier bundle: only one has decided so far", fix)
  throw new Failure(`${which} is no bundle that has decided`, fix, EXIT.usage)
}
