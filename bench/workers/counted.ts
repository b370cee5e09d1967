/**
 * The Worker as it is, but for its object of shared counts: that counts what it is asked, and the count can be read at a
 * path of its own. All objects are in one isolate here, so that one number is enough.
 */
import type { Settled, Take } from "../../src/core/guardrails/lending/lending.ts"
import worker from "../../src/index.ts"
import { SharedLimit as Real } from "../../src/ledger/shared-limit.ts"

export * from "../../src/index.ts"

const COUNTED_AT = "/bench/shared-limit"
let [takes, settlements] = [0, 0]

/** In place of the one above, by whose name it is bound. */
export class SharedLimit extends Real {
  override take(version: number, take: Take): ReturnType<Real["take"]> {
    takes += 1
    return super.take(version, take)
  }

  override settle(version: number, holder: string, settled: Settled[]): Promise<void> {
    settlements += 1
    return super.settle(version, holder, settled)
  }
}

export default {
  fetch(request, env, ctx) {
    if (new URL(request.url).pathname === COUNTED_AT) return Response.json({ takes, settlements })
    return worker.fetch(request, env, ctx)
  },
} satisfies ExportedHandler<Env>
