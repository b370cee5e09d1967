/** What was published to a Worker: asked of it by an operator. */
import type { JWK } from "jose"
import { z } from "zod"
import { EXIT, Failure } from "../failure.ts"
import { signHistoryQuestion } from "../policies/sign.ts"
import { askJson, reach, type WorkerOptions } from "../worker.ts"
import { issuerAt } from "./client.ts"
import { head, published, type Published } from "./published.ts"

const pointer = z.object({ seq: z.number(), digest: z.string() })
const bundles = head.extend({ deciding: pointer, history: z.array(published) })
export type Bundles = z.infer<typeof bundles>

/** All that a Worker lists at once. */
const MOST = 1_000

export async function bundlesAt(worker: WorkerOptions, bearer: string, limit = MOST): Promise<Bundles> {
  return askJson(worker, bearer, `/v1/bundles?limit=${limit}`, bundles)
}

/** As a publisher asks, who need not be an operator. */
export async function historyAt(url: string, key: JWK): Promise<Pick<Bundles, "live" | "history">> {
  return reach(url, async () => {
    const headers = { "X-Narrowgate-Publication": await signHistoryQuestion(key, await issuerAt(url)) }
    const response = await fetch(new URL("/v1/bundles", url), {
      headers,
      redirect: "error",
      signal: AbortSignal.timeout(10_000),
    })
    const read = bundles.omit({ deciding: true }).safeParse(await response.json().catch(() => null))
    if (read.success) return read.data
    throw new Failure(
      `${url} answered ${response.status} to the publisher`,
      "Check the key, the address, and this clock.",
    )
  })
}

/** @param which number, or beginning of a digest; absent: what decided before what decides now */
export function findPublished(
  which: string | undefined,
  history: readonly Published[],
  live: Published | null,
): Published {
  const decided = history.filter(({ what, done }) => what === "pointer" && done)
  const before = decided.filter(({ seq, digest }) => !live || (seq < live.seq && digest !== live.digest))
  const [found] =
    which === undefined
      ? before
      : decided.filter(({ seq, digest }) => String(seq) === which || (which.length >= 6 && digest.startsWith(which)))
  if (found) return found
  const mend = "Choose one of `narrowgate history`."
  if (which === undefined) throw new Failure("nothing decided before what decides now", mend)
  throw new Failure(`${which} is no bundle that has decided`, mend, EXIT.usage)
}
