/** `GET /metrics`: who may read it, and what it says of a deployment. */
import { runInDurableObject } from "cloudflare:test"
import { env } from "cloudflare:workers"
import { afterEach, describe, expect, inject, test, vi } from "vitest"
import { RecordLog } from "../../src/audit/record-log.ts"
import { batchOf, recordOf, storedForm } from "../../src/core/record/record.ts"
import { openTask } from "../harness/agents.ts"
import { knock } from "../harness/door.ts"
import { yardForEach } from "../harness/each-test.ts"
import { callWith, keyOf } from "../harness/gateways.ts"
import { killObjects } from "../harness/isolate.ts"
import { US } from "../harness/issuers.ts"
import { bearerOf } from "../harness/management.ts"
import { recordOf as recordWith } from "../harness/records.ts"
import { provoke } from "../harness/worker-log.ts"

yardForEach()
afterEach(() => vi.restoreAllMocks())

const scrape = async (authorization: string | null, more: Readonly<Record<string, string>> = {}): Promise<Response> =>
  knock(new Request(`${US}/metrics`, { headers: { ...(authorization !== null && { authorization }), ...more } }))
const scraped = async (): Promise<ReadonlyMap<string, number>> => {
  const response = await scrape(`Bearer ${inject("scrapeKey")}`)
  expect(response.status).toBe(200)
  const lines = (await response.text()).split("\n").filter((line) => line !== "" && !line.startsWith("#"))
  return new Map(lines.map((line) => [line.slice(0, line.lastIndexOf(" ")), Number(line.slice(line.lastIndexOf(" ")))]))
}
const total = (metrics: ReadonlyMap<string, number>, part: string): number =>
  [...metrics].filter(([series]) => series.includes(part)).reduce((sum, [, value]) => sum + value, 0)

describe("the reader", () => {
  test("is a scraper with its key, or an operator with a token; both get the text", async () => {
    for (const authorization of [`Bearer ${inject("scrapeKey")}`, await bearerOf("viewer")]) {
      const response = await scrape(authorization)
      expect(response.status).toBe(200)
      expect(response.headers.get("Content-Type")).toBe("text/plain; version=0.0.4; charset=utf-8")
      expect(response.headers.get("Cache-Control")).toBe("no-store")
      expect(await response.text()).toContain("\nnarrowgate_lease_available 1\n")
    }
    const open = await scrape(`Bearer ${inject("scrapeKey")}`, { accept: "application/openmetrics-text" })
    expect(open.headers.get("Content-Type")).toContain("application/openmetrics-text")
    // The runtime takes this type for none of text.
    expect(new TextDecoder().decode(await open.arrayBuffer()).endsWith("# EOF\n")).toBe(true)
  })

  test("is no other caller: each rejection is recorded, and names the credential that is missing", async () => {
    const { token } = await openTask("first")
    for (const authorization of [
      null,
      "Bearer guess",
      `Bearer ${keyOf("envoy")}`,
      `Basic ${btoa(`prometheus:${inject("scrapeKey")}`)}`,
      `Bearer ${token}`,
    ]) {
      const response = await scrape(authorization)
      expect([response.status, response.headers.get("WWW-Authenticate")]).toEqual([401, "Bearer"])
      const { decision_id: id }: { decision_id: string } = await response.json()
      expect(await recordWith(id)).toMatchObject({ kind: "management", path: "/metrics", decision: "deny" })
    }
    // A gateway's key in its own header opens nothing here, whatever else is presented.
    const mixed = await scrape(`Bearer ${inject("scrapeKey")}`, { "X-Narrowgate-Key": keyOf("envoy") })
    expect(mixed.status).toBe(403)
  })

  test("with a scraper's key opens nothing else", async () => {
    const authorization = `Bearer ${inject("scrapeKey")}`
    const response = await knock(new Request(`${US}/v1/decisions`, { headers: { authorization } }))
    expect(response.status).toBe(401)
  })
})

describe("the numbers", () => {
  test("are those of the calls, by code, gateway and tool; made-up tools make no series", async () => {
    const { token } = await openTask("first")
    for (let index = 0; index < 3; index++) await callWith(token, "/files/a")
    let last = ""
    for (let index = 0; index < 5; index++) last = (await callWith(token, `/made-up-${index}/x`)).decision
    await recordWith(last)
    await vi.waitFor(async () => {
      const metrics = await scraped()
      const of = (code: string, decision: string, tool: string): number | undefined =>
        metrics.get(
          `narrowgate_decisions_total{kind="call",decision="${decision}",code="${code}",gateway="envoy",tool="${tool}"}`,
        )
      expect(of("ok", "allow", "files.read")).toBe(3)
      expect(of("unknown_tool", "deny", "unknown")).toBe(5)
      expect([...metrics.keys()].filter((series) => series.includes("made-up"))).toEqual([])
      expect(metrics.get('narrowgate_decision_duration_seconds_count{gateway="envoy"}')).toBe(8)
      expect(metrics.get('narrowgate_wait_seconds_count{step="ledger"}')).toBe(3)
      expect(
        metrics.get('narrowgate_decisions_total{kind="exchange",decision="allow",code="ok",gateway="",tool=""}'),
      ).toBe(1)
    })
  })

  test("of keys, bundle and lease are there and plausible", async () => {
    const metrics = await scraped()
    expect(metrics.get("narrowgate_lease_available")).toBe(1)
    expect(metrics.get("narrowgate_lease_age_seconds")).toBeLessThan(2)
    expect(metrics.get("narrowgate_bundle_number")).toBeGreaterThan(0)
    expect(metrics.get("narrowgate_bundle_check_age_seconds")).toBeLessThan(60)
    for (const algorithm of ["ES256", "EdDSA"]) {
      expect(metrics.get(`narrowgate_signing_key_age_seconds{algorithm="${algorithm}"}`)).toBeLessThan(600)
    }
    for (const log of ["records-0", "records-3", "looks", "strangers"]) {
      expect(metrics.get(`narrowgate_records_waiting{log="${log}"}`), log).toBeGreaterThanOrEqual(0)
    }
  })

  const send = async (ids: readonly number[]): Promise<void> => {
    const records = ids.map((id) =>
      storedForm(
        recordOf({ id: `dec_${String(id).padStart(8, "0")}`, at: 1, kind: "call", chain: ["a"], gateway: "g" }),
      ),
    )
    await env.RECORD_LOG.getByName("records-0").append(records.length, batchOf(records))
  }
  const calls = async (): Promise<number> => total(await scraped(), 'narrowgate_decisions_total{kind="call"')

  test("never fall: not if objects restart, a batch comes twice, or records are deleted", async () => {
    await send([1, 2, 3])
    expect(await calls()).toBe(3)
    await killObjects()
    expect(await calls()).toBe(3)
    await send([2, 3, 4])
    expect(await calls()).toBe(4)
    // As the bound of the log does to the oldest.
    await runInDurableObject(env.RECORD_LOG.getByName("records-0"), (_log, { storage }) =>
      storage.sql.exec("DELETE FROM records WHERE id < 'dec_00000004'"),
    )
    await killObjects()
    expect(await calls()).toBe(4)
  })

  test("are none, rather than a part of them, while a log is unavailable", async () => {
    await send([1])
    expect(await calls()).toBe(1)
    provoke("failed")
    vi.spyOn(RecordLog.prototype, "counts").mockRejectedValueOnce(new Error("unavailable, by a test"))
    const response = await scrape(`Bearer ${inject("scrapeKey")}`)
    expect(response.status).toBe(503)
    expect(await calls()).toBe(1)
  })
})
