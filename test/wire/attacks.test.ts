/**
 * The attacks on credentials once more, on the built Worker in a bare workerd and over real sockets: what an HTTP
 * parser makes of a second header, of another Host, of a header of a megabyte. Status and code are read off the wire,
 * the inner reason from the record that an operator is shown.
 */
import { beforeAll, inject, vi } from "vitest"
import type { DecisionRecord } from "../../src/core/record/record.ts"
import { besieged, leaveSpiffeBundles } from "../harness/besieged.ts"
import { signed } from "../harness/bundles.ts"
import { knock, knockAt } from "../harness/door.ts"
import { US } from "../harness/issuers.ts"
import { bearerOf } from "../harness/management.ts"
import { besiege } from "../harness/siege.ts"
import { overTheWire } from "./wire.ts"

const { worker, kv, cache } = inject("wire")

async function put(port: number, key: string, body: ArrayBuffer | string): Promise<void> {
  const { status } = await fetch(`http://127.0.0.1:${port}/${key}`, { method: "PUT", body })
  if (status !== 200) throw new Error(`${key} was not put: ${status}`)
}

beforeAll(async () => {
  knockAt(async (request) => overTheWire(request, worker))
  await leaveSpiffeBundles(async (place, document) => put(cache, encodeURIComponent(place), JSON.stringify(document)))
  const { entries } = await signed(await besieged())
  for (const [key, value] of entries) await put(kv, key, value)
})

/** As an operator is shown it. */
async function recordOf(decision: string): Promise<DecisionRecord> {
  const headers = { Authorization: await bearerOf("viewer") }
  return vi.waitFor(
    async () => {
      const response = await knock(new Request(`${US}/v1/decisions/${decision}`, { headers }))
      if (response.status !== 200) throw new Error(`no record ${decision}: ${response.status}`)
      return response.json<DecisionRecord>()
    },
    { timeout: 6_000, interval: 250 },
  )
}

/** The parser takes no header of that length: nothing of it gets to the Worker. */
const TOO_LARGE = 431
besiege(recordOf, {
  "delegation token of a megabyte": TOO_LARGE,
  "gateway: a proof of a megabyte": TOO_LARGE,
})
