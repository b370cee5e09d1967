/** A local stack for the tests of one file or group: of the example's policies, with state of its own, on ports of its own. */
import { cp, mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll } from "vitest"
import { twoFreePorts } from "../../../dev/loopback.ts"
import { startStack, type Stack } from "../../../dev/stack.ts"

export const EXAMPLE = join(import.meta.dirname, "../../../policies")
const START_WITHIN_MS = 120_000

export interface OwnStack {
  /** Somewhere to work; its state is in `state` there. */
  readonly directory: string
  readonly stack: Stack
}

/**
 * @param prepare what else has to be there before the first test
 * @param edited changes a copy of the policies, in the directory that it is given
 */
export function ownStack(
  prepare: (own: OwnStack) => Promise<void> = async () => undefined,
  edited?: (policies: string) => Promise<void>,
): () => OwnStack {
  let own: OwnStack | undefined
  const there = (): OwnStack => {
    if (!own) throw new Error("the stack has not started yet")
    return own
  }
  beforeAll(async () => {
    const directory = await mkdtemp(join(tmpdir(), "narrowgate-stack-"))
    const policies = edited ? join(directory, "policies") : EXAMPLE
    if (edited) {
      await cp(EXAMPLE, policies, { recursive: true })
      await edited(policies)
    }
    const stack = await startStack({
      policies,
      port: await twoFreePorts(),
      state: join(directory, "state"),
    })
    own = { directory, stack }
    await prepare(own)
  }, START_WITHIN_MS)
  afterAll(async () => {
    const { directory, stack } = there()
    await stack.close()
    await rm(directory, { recursive: true, force: true, maxRetries: 3 })
  })
  return there
}
