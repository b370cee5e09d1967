import { env, exports } from "cloudflare:workers"
import { beforeEach, describe, expect, test, vi } from "vitest"
import { decisionRecord, explanation } from "../../cli/remote/decision-record.ts"
import { UNREADABLE } from "../../src/core/catalog/drift.ts"
import { Switchboard } from "../../src/revocation/switchboard.ts"
import { openTask, openTaskFor } from "../harness/agents.ts"
import { publish, showOlder, yard } from "../harness/bundles.ts"
import { freshIsolateForEach } from "../harness/each-test.ts"
import { askAs, keyOf, ORIGIN, type ClientRequest } from "../harness/gateways.ts"
import { forgetCaches } from "../harness/isolate.ts"
import { callsOf, evict } from "../harness/ledgers.ts"
import { endpoint, filter, toolList } from "../harness/listings.ts"
import { definitionOf, observe, observed, pinnedAs, POISON, withPins } from "../harness/observations.ts"
import { newProofKey, proofForToken, proofOf } from "../harness/proofs.ts"
import { recordOf } from "../harness/records.ts"

const SEARCH = pinnedAs("search")
const POISONED = pinnedAs("search", POISON)
const PINS = { "desk.search": SEARCH, "desk.pay": pinnedAs("pay"), "shed.look": pinnedAs("look") }

beforeEach(async () => {
  await publish(withPins(await yard(), PINS))
})
freshIsolateForEach()

const sighting = (tool: keyof typeof PINS, seen: string) => ({ tool, pinned: PINS[tool], seen })
const changed = async (tool: keyof typeof PINS = "desk.search") =>
  observe({ sightings: [sighting(tool, tool === "desk.search" ? POISONED : "b".repeat(64))] })

/** As a client of MCP 2026-07-28 asks: each gateway passes on what it can. */
function callOf(token: string, name = "search", server = "desk"): ClientRequest {
  return {
    method: "POST",
    path: endpoint(server),
    headers: {
      Authorization: `Bearer ${token}`,
      "Content-Type": "application/json",
      "MCP-Protocol-Version": "2026-07-28",
      "Mcp-Method": "tools/call",
      "Mcp-Name": name,
    },
    body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params: { name } }),
  }
}
const call = async (token: string, name = "search", gateway = "envoy") => askAs(gateway, callOf(token, name))
const codeOf = async (token: string, name = "search", gateway = "envoy") => (await call(token, name, gateway)).code

describe("a call of a tool that has changed", () => {
  test.each(["envoy", "nginx", "traefik", "caddy"])("through %s is tool_changed", async (gateway) => {
    const { token, task } = await openTask("first")
    expect(await codeOf(token, "search", gateway)).toBe("ok")
    await changed()
    expect(await call(token, "search", gateway)).toMatchObject({ status: 403, code: "tool_changed" })
    expect(await codeOf(token, "pay", gateway)).toBe("ok")
    expect(await callsOf(task)).toBe(2)
  })

  test("by RPC is tool_changed", async () => {
    const { token } = await openTask("first")
    const { method = "", path, headers = {}, body = "" } = callOf(token)
    const ask = async () =>
      exports.Authorizer.authorize({ key: keyOf("worker"), method, url: ORIGIN + path, headers, body })
    expect(await ask()).toMatchObject({ allowed: true })
    await changed()
    const answer = await ask()
    expect(answer).toMatchObject({ allowed: false, status: 403, headers: { "x-narrowgate-code": "tool_changed" } })
    expect(JSON.parse(answer.body)).toMatchObject({
      result: {
        content: [{ text: expect.stringContaining("The tool has changed since it was added to the catalog.") }],
        _meta: { "narrowgate/denial": { error: "tool_changed" } },
      },
    })
  })

  test("is recorded with both hashes, and explained", async () => {
    const { token, task } = await openTask("first")
    await changed()
    const { decision } = await call(token)
    const record = await recordOf(decision)
    expect(record).toMatchObject({
      kind: "call",
      decision: "deny",
      code: "tool_changed",
      denial: { reason: "tool_changed", tool: "desk.search", pinned: SEARCH, seen: POISONED },
      tool: "desk.search",
      task,
    })
    const shown = decisionRecord.parse(structuredClone(record))
    expect(explanation(shown)).toContain(`tool changed, tool desk.search, pinned ${SEARCH}, seen ${POISONED}`)
  })

  test("through a gateway that observes is recorded, and let through", async () => {
    const { token } = await openTask("first")
    await changed()
    const answer = await call(token, "search", "watch")
    expect(answer).toMatchObject({ status: 200, code: "ok" })
    expect(await recordOf(answer.decision)).toMatchObject({ mode: "observe", decision: "deny", code: "tool_changed" })
  })

  test("uses up the proof of a bound token", async () => {
    const holder = await newProofKey()
    const { token } = await openTask("first", {}, await proofForToken(holder))
    const { headers, ...request } = callOf(token)
    const proof = await proofOf(holder, "POST", ORIGIN + request.path, token)
    const bound = { ...request, headers: { ...headers, Authorization: `DPoP ${token}`, DPoP: proof } }
    await changed()
    expect((await askAs("envoy", bound)).code).toBe("tool_changed")
    await observe({ sightings: [sighting("desk.search", SEARCH)] })
    const again = await askAs("envoy", bound)
    expect([again.code, (await recordOf(again.decision)).denial?.reason]).toEqual(["invalid_token", "proof_replayed"])
  })

  test("is denied everywhere within a lease, and allowed again when the server goes back", async () => {
    const { token, task } = await openTask("first")
    expect(await codeOf(token)).toBe("ok")
    // Another isolate sees it; nobody tells this one.
    const stub = env.SWITCHBOARD.getByName("board")
    const report = { bundle: 1, at: Date.now() }
    await stub.observe(1, { ...report, sightings: [sighting("desk.search", POISONED)] })
    const start = Date.now()
    await vi.waitFor(async () => expect(await codeOf(token)).toBe("tool_changed"), { timeout: 4_000, interval: 100 })
    expect(Date.now() - start).toBeLessThan(3_000)
    await evict(task)
    expect(await codeOf(token)).toBe("tool_changed")
    await stub.observe(1, { ...report, at: Date.now(), sightings: [sighting("desk.search", SEARCH)] })
    await vi.waitFor(async () => expect(await codeOf(token)).toBe("ok"), { timeout: 4_000, interval: 100 })
  })

  test("costs no question more: a warm isolate asks the switchboard for the lease alone", async () => {
    const { token } = await openTask("first")
    expect(await codeOf(token)).toBe("ok")
    await changed()
    expect(await codeOf(token)).toBe("tool_changed")
    const asked = [vi.spyOn(Switchboard.prototype, "read"), vi.spyOn(Switchboard.prototype, "observe")]
    for (let index = 0; index < 20; index++) expect(await codeOf(token, index % 2 ? "pay" : "search")).not.toBe("")
    expect(asked.map(({ mock }) => mock.calls.length)).toEqual([0, 0])
  })

  test("lets nobody through where the lease cannot be had", async () => {
    const { token } = await openTask("first")
    await changed()
    vi.spyOn(Switchboard.prototype, "read").mockImplementation(() => {
      throw new Error("out of reach, by a test")
    })
    forgetCaches()
    expect(await call(token)).toMatchObject({ status: 403, code: "unavailable" })
  })
})

describe("a bundle", () => {
  test("that pins what was seen allows it, one that pins it no more as well, one that pins the old again does not", async () => {
    const { token } = await openTask("first")
    await changed()
    const body = await yard()
    const pins = [POISONED, null, SEARCH]
    const codes: string[] = []
    for (const [index, pin] of pins.entries()) {
      await publish(pin === null ? body : withPins(body, { ...PINS, "desk.search": pin }), index + 2)
      forgetCaches()
      codes.push(await codeOf(token))
    }
    expect(codes).toEqual(["ok", "ok", "tool_changed"])
  })

  test("that is older in another isolate reports by its own pin, and denies nothing under the newer one", async () => {
    const { token } = await openTask("first")
    const repinned = withPins(await yard(), { ...PINS, "desk.search": POISONED })
    const older = await publish(withPins(await yard(), PINS), 2)
    await publish(repinned, 3)
    forgetCaches()
    expect(await codeOf(token)).toBe("ok")
    // An isolate that is behind posts what the server says by now, which is what the newer one pins.
    await showOlder(older)
    forgetCaches()
    const { token: fresh } = await openTaskFor("bob")
    const body = toolList(["pay"]).replace("[", `[${JSON.stringify(definitionOf("search", POISON))},`)
    expect((await filter(fresh, "desk", [], { body })).kept).toEqual(["pay"])
    await vi.waitFor(async () => expect((await observed()).tools).toEqual([["desk.search", POISONED]]))
    await publish(repinned, 3)
    forgetCaches()
    expect(await codeOf(token)).toBe("ok")
  })
})

describe("a server that was seen not to enforce headers", () => {
  const lost = { headers: { server: "desk", enforced: false } }

  test.each(["nginx", "caddy"])("has no call by headers alone any more through %s", async (gateway) => {
    const { token } = await openTask("first")
    expect(await codeOf(token, "search", gateway)).toBe("ok")
    await observe(lost)
    const refused = await call(token, "search", gateway)
    expect([refused.code, refused.headers.get("X-Narrowgate-Status")]).toEqual(["malformed_call", "400"])
    expect(await recordOf(refused.decision)).toMatchObject({
      denial: { reason: "mcp_headers_untrusted", what: "the server has been seen not to enforce them" },
    })
    expect(await codeOf(token, "search", "envoy")).toBe("ok")
    await observe({ headers: { server: "desk", enforced: true } })
    expect(await codeOf(token, "search", gateway)).toBe("ok")
  })

  test("is shown to nobody whose gateway passes no bodies on", async () => {
    const { token } = await openTask("first")
    const names = ["search", "pay"]
    expect((await filter(token, "desk", names, { gateway: "nginx" })).kept).toEqual(names)
    await observe(lost)
    const { kept, decision } = await filter(token, "desk", names, { gateway: "nginx" })
    expect(kept).toEqual([])
    expect(await recordOf(decision)).toMatchObject({ listing: { hidden: { mcp_headers_untrusted: 2 } } })
    expect((await filter(token, "desk", names)).kept).toEqual(names)
  })
})

describe("a list that a gateway posts", () => {
  const listOf = (...tools: readonly object[]): string => JSON.stringify({ jsonrpc: "2.0", id: 1, result: { tools } })
  const [search, pay] = [definitionOf("search"), definitionOf("pay")]
  const poisoned = { ...search, ...POISON }
  const post = async (token: string, body: string, gateway = "envoy") => filter(token, "desk", [], { body, gateway })
  const known = async (count: number) =>
    vi.waitFor(async () => {
      const { tools } = await observed()
      expect(tools).toHaveLength(count)
      return tools
    })

  test("hides what has changed in that very answer, tells all, and takes it back", async () => {
    const { token } = await openTask("first")
    expect((await post(token, listOf(search, pay))).kept).toEqual(["search", "pay"])
    expect((await observed()).tools).toEqual([])
    const { kept, decision } = await post(token, listOf(poisoned, pay))
    expect(kept).toEqual(["pay"])
    expect(await recordOf(decision)).toMatchObject({ listing: { asked: 2, hidden: { tool_changed: 1 } } })
    expect(await known(1)).toEqual([["desk.search", POISONED]])
    await vi.waitFor(async () => expect(await codeOf(token)).toBe("tool_changed"))
    await new Promise((resolve) => setTimeout(resolve, 1_050))
    expect((await post(token, listOf(search))).kept).toEqual(["search"])
    await known(0)
    await vi.waitFor(async () => expect(await codeOf(token)).toBe("ok"))
  })

  test("by RPC does the same", async () => {
    const { token } = await openTask("first")
    const headers = { Authorization: `Bearer ${token}` }
    const ask = { key: keyOf("worker"), server: "desk", headers, body: listOf(poisoned, pay) }
    const answer = await exports.Authorizer.tools(ask)
    expect(JSON.parse(answer.body).result.tools).toEqual([pay])
    await known(1)
  })

  test("hides a tool that some clients would read otherwise than its pin was made", async () => {
    const { token } = await openTask("first")
    expect((await post(token, listOf({ ...search, Description: POISON.description }, pay))).kept).toEqual(["pay"])
    expect(await known(1)).toEqual([["desk.search", UNREADABLE]])
  })

  test.each([
    ["the first time", [poisoned, search]],
    ["the second time", [search, poisoned]],
  ])("with a tool twice, otherwise %s, hides both", async (_what, tools) => {
    const { token } = await openTask("first")
    expect((await post(token, listOf(...tools, pay))).kept).toEqual(["pay"])
    await known(1)
  })

  test("of names alone hides nothing by itself, and what was seen before stands", async () => {
    const { token } = await openTask("first")
    const names = listOf({ name: "search" }, { name: "pay" })
    expect((await post(token, names)).kept).toEqual(["search", "pay"])
    expect((await observed()).tools).toEqual([])
    await changed()
    expect((await post(token, names)).kept).toEqual(["pay"])
    await known(1)
  })

  test("is a page like any other: what it does not list is left alone", async () => {
    const { token } = await openTask("first")
    await changed("desk.pay")
    expect((await post(token, listOf(search))).kept).toEqual(["search"])
    await known(1)
  })

  test("says nothing of another server's tools", async () => {
    const { token } = await openTask("first")
    await filter(token, "shed", [], { body: listOf(poisoned, definitionOf("desk.search", POISON)) })
    await known(0)
  })

  test("through a gateway that observes hides nothing and tells nobody, but is recorded", async () => {
    const { token } = await openTask("first")
    const body = listOf(poisoned, pay)
    const { text, decision } = await post(token, body, "watch")
    expect(text).toBe(body)
    expect(await recordOf(decision)).toMatchObject({ mode: "observe", listing: { hidden: { tool_changed: 1 } } })
    await new Promise((resolve) => setTimeout(resolve, 200))
    expect((await observed()).tools).toEqual([])
  })

  test("with a token that may not have it tells nobody", async () => {
    const { token } = await openTask("first", { scope: "files.*:read" })
    for (const bad of [token, "x"]) expect((await post(bad, listOf(poisoned))).kept).toBeNull()
    await new Promise((resolve) => setTimeout(resolve, 200))
    expect((await observed()).tools).toEqual([])
  })

  test("a hundred times is one write, and one whose every list is another has a write a second", async () => {
    const { token } = await openTask("first")
    const writes = vi.spyOn(Switchboard.prototype, "observe")
    for (let index = 0; index < 100; index++) expect((await post(token, listOf(poisoned))).kept).toEqual([])
    await known(1)
    expect(writes).toHaveBeenCalledTimes(1)
    await new Promise((resolve) => setTimeout(resolve, 1_050))
    const start = Date.now()
    for (let index = 0; index < 100; index++) {
      await post(token, listOf({ ...search, description: `${index}` }))
    }
    expect(writes.mock.calls.length).toBeLessThanOrEqual(2 + Math.ceil((Date.now() - start) / 1_000))
    expect(writes.mock.calls.length).toBeGreaterThan(1)
  })

  test("of a ledger that knows a newer bundle is compared with that one's pins", async () => {
    const { token } = await openTask("first")
    const older = await publish(withPins(await yard(), PINS), 2)
    await publish(withPins(await yard(), { ...PINS, "desk.search": POISONED }), 3)
    forgetCaches()
    expect(await codeOf(token)).toBe("ok")
    await showOlder(older)
    forgetCaches()
    expect((await post(token, listOf(poisoned, pay))).kept).toEqual(["search", "pay"])
    expect((await observed()).tools).toEqual([])
  })
})

test("a list of tools that nobody pinned is hidden by nothing of this", async () => {
  await publish(await yard(), 2)
  forgetCaches()
  const { token } = await openTask("first")
  expect((await filter(token, "desk", [], { body: toolList(["search", "pay"]) })).kept).toEqual(["search", "pay"])
  expect((await observed()).tools).toEqual([])
})
