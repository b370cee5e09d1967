/**
 * A call whose body takes so long to arrive that its decision could come too late for the gateway: nothing is admitted
 * that no gateway hears of, and the denial says what was slow.
 */
import { exports } from "cloudflare:workers"
import { expect, test } from "vitest"
import { openTask } from "../harness/agents.ts"
import { yardForEach } from "../harness/each-test.ts"
import { ASKING, keyOf, type HttpDialect } from "../harness/gateways.ts"
import { callsOf } from "../harness/ledgers.ts"
import { recordOf } from "../harness/records.ts"

yardForEach()

/** All but its last byte at once, and that after so many milliseconds. */
async function slowly(request: Request, milliseconds: number): Promise<Request> {
  const whole = new Uint8Array(await request.arrayBuffer())
  const { readable, writable } = new FixedLengthStream(whole.byteLength)
  const writer = writable.getWriter()
  const send = async (): Promise<void> => {
    await writer.write(whole.slice(0, -1))
    await new Promise((resolve) => setTimeout(resolve, milliseconds))
    await writer.write(whole.slice(-1))
    await writer.close()
  }
  void send().catch(() => undefined)
  return new Request(request.url, { method: request.method, headers: request.headers, body: readable })
}

test.each<HttpDialect>(["traefik", "kong", "authzen"])(
  "through %s a call whose body comes later than it could be decided in time is denied, and told that",
  async (name) => {
    const { token, task } = await openTask("first", { scope: "files.write:write" })
    const headers = { Authorization: `Bearer ${token}`, "Content-Type": "application/json" }
    const client = { method: "POST", path: "/files/a", headers, body: JSON.stringify({ text: "a" }) }
    const answer = await exports.default.fetch(await slowly(ASKING[name](client, keyOf(name)), 4_800))
    const text = await answer.text()
    expect(text).toMatch(/"(error|code)":"(malformed_call|invalid_request)"/)
    expect(text).toContain("4 s")
    const id = /"decision_id":"(dec_[^"]+)"/.exec(text)?.[1] ?? ""
    const { denial } = await recordOf(id)
    expect(JSON.stringify(denial)).toContain("4 s")
    expect(await callsOf(task)).toBe(0)
  },
  20_000,
)
