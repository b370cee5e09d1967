/** What the Worker of a deployment says of its logs now, beside what files have of them. */
import { z } from "zod"
import { LOG_NAMES } from "../../src/api/contract/decisions.ts"
import { readCheckpoint } from "../../src/core/proof/checkpoint.ts"
import type { CheckedLog } from "../../src/core/proof/findings.ts"
import type { CheckSignature } from "../../src/core/proof/signed-checkpoints.ts"
import { isSame } from "../../src/core/proof/merkle.ts"
import { requestApi, type WorkerOptions } from "../remote/worker.ts"

export interface WorkerLog {
  readonly log: string
  /** Records that its newest checkpoint covers. */
  readonly size: number
  /** Milliseconds since the epoch, when it was signed. */
  readonly at: number
  /** Records behind the last one of the files. */
  readonly more: number
  /** What contradicts the files. Null if nothing does. */
  readonly flaw: string | null
}

const checkpoint = z.object({ size: z.number(), at: z.number(), note: z.string() })
const answer = z.object({ checkpoints: z.array(checkpoint), newest: checkpoint.nullable(), oldest: z.number() })

/** @returns the logs that have a checkpoint there, or in the files */
export async function logsOfWorker(
  worker: Pick<WorkerOptions, "url">,
  bearer: string,
  logs: readonly CheckedLog[],
  isSigned: CheckSignature,
): Promise<readonly WorkerLog[]> {
  const all = LOG_NAMES.map(async (log) => {
    const found = logs.find((each) => each.log === log)
    const known = found?.checkpoint ?? null
    const query = { log, from: String(Math.max(0, (known?.size ?? 0) - 1)) }
    const { checkpoints, newest, oldest } = await requestApi(worker, bearer, "listCheckpoints", {
      parameters: {},
      query,
      schema: answer,
    })
    if (!newest && !known) return []
    const { size, at } = newest ?? { size: 0, at: 0 }
    // Those before its oldest record are gone with theirs.
    const isKept = known !== null && (newest === null || known.size >= oldest)
    const flaw = isKept ? await contradiction(known, checkpoints[0], isSigned) : null
    return [
      {
        log,
        size,
        at,
        more: Math.max(0, size - (found?.next ?? 0)),
        flaw: flaw && `${flaw} of ${log} at ${known?.size}`,
      },
    ]
  })
  return (await Promise.all(all)).flat()
}

async function contradiction(
  { size, root }: NonNullable<CheckedLog["checkpoint"]>,
  same: z.infer<typeof checkpoint> | undefined,
  isSigned: CheckSignature,
): Promise<string | null> {
  const signed = same?.size === size ? readCheckpoint(same.note) : null
  if (!signed) return "the Worker has no checkpoint"
  if (!(await isSigned(signed.checkpoint.origin, signed)))
    return "no key of the deployment has signed the Worker's checkpoint"
  return isSame(signed.checkpoint.root, root) ? null : "the Worker has another checkpoint"
}
