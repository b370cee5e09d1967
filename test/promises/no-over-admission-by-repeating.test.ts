import { exports } from "cloudflare:workers"
import { describe, expect, test, vi } from "vitest"
import { ProofLog } from "../../src/core/task/proof-log.ts"
import { openChild, openTask, type OpenTask } from "../harness/agents.ts"
import { at } from "../harness/clock.ts"
import { publish, yard } from "../harness/bundles.ts"
import { yardForEach } from "../harness/each-test.ts"
import { askAs, callWith, countOf, keyOf, ORIGIN, readAnswer, type GatewayAnswer } from "../harness/gateways.ts"
import { forgetCaches, killObjects } from "../harness/isolate.ts"
import { agentId, US } from "../harness/issuers.ts"
import { callsOf, evict } from "../harness/ledgers.ts"
import { bearerOf, complete, manage } from "../harness/management.ts"
import { newProofKey, proofForToken, proofOf } from "../harness/proofs.ts"
import { recordOf, recordsOf } from "../harness/records.ts"
import { lift, stop } from "../harness/switches.ts"

yardForEach()

async function asOperator(path: string, body: unknown = null): Promise<void> {
  const { status } = await manage("POST", path, await bearerOf("operator"), {}, body)
  expect(status).toBe(200)
}

describe("a gateway's retry", () => {
  const call = (task: OpenTask, id: string, path = "/thrice", gateway = "envoy") =>
    callWith(task.token, path, { headers: { "X-Request-Id": id } }, gateway)

  test("with the id that the registered gateway sets counts once, for five seconds", async () => {
    const task = await openTask()
    const start = Date.now()
    at(start)
    const first = await call(task, "r1")
    at(start + 4_999)
    const second = await call(task, "r1")
    expect([first.code, second.code]).toEqual(["ok", "ok"])
    expect(second.decision).toBe(first.decision)
    expect(second.headers.get("X-Narrowgate-Agent")).toBe(first.headers.get("X-Narrowgate-Agent"))
    expect(await callsOf(task.task)).toBe(1)
    at(start + 5_000)
    const third = await call(task, "r1")
    expect(third.decision).not.toBe(first.decision)
    expect(await callsOf(task.task)).toBe(2)
    // The retry is not recorded again.
    await recordsOf(task.task, 3)
  })

  test("is known by an id of 128 characters", async () => {
    const task = await openTask()
    for (let time = 0; time < 2; time++) await call(task, "r".repeat(128))
    expect(await callsOf(task.task)).toBe(1)
  })

  test.each([
    ["another path", "r1", "/files/a", "envoy"],
    ["another query", "r1", "/thrice?x=1", "envoy"],
    ["another id", "r2", "/thrice", "envoy"],
    ["another gateway", "r1", "/thrice", "nginx"],
    ["a gateway that sets none", "r1", "/thrice", "traefik"],
    ["no id", "", "/thrice", "envoy"],
    ["an id of excessive length", "r".repeat(129), "/thrice", "envoy"],
  ])("%s is another call", async (_what, id, path, gateway) => {
    const task = await openTask()
    await call(task, id.length > 128 ? id : "r1", "/thrice", gateway === "traefik" ? gateway : "envoy")
    await call(task, id, path, gateway)
    expect(await callsOf(task.task)).toBe(2)
  })

  test("of another method or body is another call", async () => {
    const task = await openTask("first", { scope: "files.*:write files.*:read" })
    const json = { "Content-Type": "application/json", "X-Request-Id": "r1" }
    for (const [method, body] of [
      ["PUT", '{"a":1}'],
      ["PUT", '{"a":2}'],
      ["POST", '{"a":2}'],
      ["POST", '{"a":2}'],
    ] as const) {
      expect((await callWith(task.token, "/files/a", { method, body, headers: json })).code).toBe("ok")
    }
    expect(await callsOf(task.task)).toBe(3)
  })

  test("by another token of the same tree is another call", async () => {
    const root = await openTask()
    const child = await openChild(root.token, "second")
    for (const [task, agent] of [
      [root, "first"],
      [child, "second"],
    ] as const) {
      expect((await call(task, "r1", "/files/a")).headers.get("X-Narrowgate-Agent")).toBe(agentId(agent))
    }
    expect(await callsOf(root.task)).toBe(2)
  })

  test("with another proof is another call", async () => {
    const holder = await newProofKey()
    const { token, task } = await openTask("first", {}, await proofForToken(holder))
    for (let index = 0; index < 2; index++) {
      const DPoP = await proofOf(holder, "GET", `${ORIGIN}/files/a`, token)
      const headers = { Authorization: `DPoP ${token}`, DPoP, "X-Request-Id": "r1" }
      expect((await askAs("envoy", { path: "/files/a", headers })).code).toBe("ok")
    }
    expect(await callsOf(task)).toBe(2)
  })

  test("whose headers say another tool, or another type of its body, is another call", async () => {
    const { token, task } = await openTask("first", { scope: "desk.*:read desk.*:write files.*:write" })
    const named = (name: string) => ({
      "X-Request-Id": "r1",
      "MCP-Protocol-Version": "2026-07-28",
      "Mcp-Method": "tools/call",
      "Mcp-Name": name,
    })
    for (const name of ["search", "pay"]) {
      const { headers } = await callWith(token, "/desk/mcp", { method: "POST", headers: named(name) }, "nginx")
      expect(headers.get("X-Narrowgate-Tool")).toBe(`desk.${name}`)
    }
    for (const type of ["application/json", "text/plain"]) {
      const headers = { "X-Request-Id": "r2", "Content-Type": type }
      expect((await callWith(token, "/files/a", { method: "PUT", body: "{}", headers })).code).toBe("ok")
    }
    expect(await callsOf(task)).toBe(4)
  })

  test("from another country, or to another of the gateway's origins, is another call", async () => {
    const body = await yard()
    const origins = [ORIGIN, "https://b.test"]
    const gateways = body.gateways.map((each) =>
      each.id === "haproxy" ? { ...each, origins, asserts: { country: "X-Country" } } : each,
    )
    const there = body.routes.flatMap((each) =>
      each.tool === "files.read" ? [{ ...each, origin: "https://b.test" }] : [],
    )
    await publish({ ...body, gateways, routes: [...body.routes, ...there] }, 2)
    forgetCaches()
    const { token, task } = await openTask()
    const from = async (country: string, host: string): Promise<GatewayAnswer> => {
      const said = { "X-Forwarded-Method": "GET", "X-Forwarded-Uri": "/files/a", "X-Forwarded-Host": host }
      const own = { "X-Narrowgate-Key": keyOf("haproxy"), "X-Request-Id": "r1", "X-Country": country }
      const headers = { ...own, ...said, Authorization: `Bearer ${token}` }
      return readAnswer(await exports.default.fetch(new Request(`${US}/authz/forward`, { headers })))
    }
    const answers = [await from("DE", "api.test"), await from("DE", "b.test"), await from("FR", "b.test")]
    expect(countOf(answers, "ok")).toBe(3)
    expect(await callsOf(task)).toBe(3)
    expect((await from("FR", "b.test")).decision).toBe(answers[2]?.decision)
  })

  test("does not make a denied call allowed, and outlives the window", async () => {
    const task = await openTask()
    for (const id of ["r1", "r2", "r3"]) await call(task, id)
    expect((await call(task, "r4")).code).toBe("rate_limited")
    expect((await call(task, "r4")).code).toBe("rate_limited")
    expect((await call(task, "r3")).code).toBe("ok")
  })

  // The gateway's first try was admitted: what it asks again now is a call that begins after the end.
  test.each<readonly [string, (task: OpenTask) => Promise<unknown>]>([
    ["its task was completed", async ({ task, token }) => complete(task, `Bearer ${token}`)],
    ["its task was revoked", async ({ task }) => complete(task, await bearerOf("operator"))],
    ["its task was frozen", async ({ task }) => asOperator(`/v1/tasks/${task}/quarantine`)],
    ["its token was revoked", async ({ token }) => asOperator("/v1/revocations", { token })],
  ])("is refused once %s", async (_what, end) => {
    const task = await openTask()
    expect((await call(task, "r1")).code).toBe("ok")
    expect((await call(task, "r1")).code).toBe("ok")
    await end(task)
    expect((await call(task, "r1")).code).toBe("invalid_token")
    expect(await callsOf(task.task)).toBe(1)
  })

  test("is refused once the task above its own has ended", async () => {
    const root = await openTask()
    const child = await openChild(root.token, "second")
    expect((await call(child, "r1", "/files/a")).code).toBe("ok")
    await complete(root.task, `Bearer ${root.token}`)
    expect((await call(child, "r1", "/files/a")).code).toBe("invalid_token")
  })

  test("of many at once is admitted once", async () => {
    const task = await openTask()
    const answers = await Promise.all(Array.from({ length: 30 }, async () => call(task, "r1")))
    expect(countOf(answers, "ok")).toBe(30)
    expect(new Set(answers.map(({ decision }) => decision)).size).toBe(1)
    expect(await callsOf(task.task)).toBe(1)
  })
})

describe("a repeated proof", () => {
  async function boundTask() {
    const holder = await newProofKey()
    const task = await openTask("first", {}, await proofForToken(holder))
    return { holder, task }
  }
  const headers = (task: OpenTask, proof: string) => ({ Authorization: `DPoP ${task.token}`, DPoP: proof })

  test("sent a hundred times at once, through every gateway, gets one admission", async () => {
    const { holder, task } = await boundTask()
    const proof = await proofOf(holder, "GET", `${ORIGIN}/files/a`, task.token)
    const gateways = ["envoy", "nginx", "traefik", "caddy"]
    const ask = async (index: number) =>
      askAs(gateways[index % 4] ?? "", { path: "/files/a", headers: headers(task, proof) })
    const answers = await Promise.all(Array.from({ length: 100 }, async (_, index) => ask(index)))
    expect(countOf(answers, "ok")).toBe(1)
    expect(countOf(answers, "invalid_token")).toBe(99)
    expect(await callsOf(task.task)).toBe(1)
  })

  test("is still one after an eviction and a crash", async () => {
    const { holder, task } = await boundTask()
    const proof = await proofOf(holder, "GET", `${ORIGIN}/files/a`, task.token)
    const ask = async () => askAs("envoy", { path: "/files/a", headers: headers(task, proof) })
    expect((await ask()).code).toBe("ok")
    await evict(task.task)
    expect((await ask()).code).toBe("invalid_token")
    await killObjects()
    const challenged = await ask()
    expect(challenged.headers.get("WWW-Authenticate")).toContain('error="use_dpop_nonce"')
    // With the nonce of this life a proof cannot be from an earlier one; and it, too, is taken once.
    const nonce = challenged.headers.get("DPoP-Nonce") ?? ""
    const anew = await proofOf(holder, "GET", `${ORIGIN}/files/a`, task.token, { claims: { nonce } })
    const again = async () => askAs("envoy", { path: "/files/a", headers: headers(task, anew) })
    expect((await again()).code).toBe("ok")
    expect((await again()).headers.get("WWW-Authenticate")).toContain('error="invalid_dpop_proof"')
    // The nonce of an earlier life is none.
    await killObjects()
    expect((await again()).headers.get("WWW-Authenticate")).toContain('error="use_dpop_nonce"')
  })

  test.each<readonly [string, string, string]>([
    ["admitted", "/files/a", "ok"],
    ["refused at the edge", "/files/a?x=1&x=2", "malformed_call"],
  ])("is none where so many are remembered that no more can be: %s", async (_what, path, code) => {
    const { holder, task } = await boundTask()
    const proof = await proofOf(holder, "GET", `${ORIGIN}/files/a`, task.token)
    const full = vi.spyOn(ProofLog.prototype, "size", "get").mockReturnValue(20_000)
    expect((await askAs("envoy", { path, headers: headers(task, proof) })).code).toBe(code)
    full.mockRestore()
    // All of before are refused, whether they were seen or not: a new life has begun.
    for (const each of [proof, await proofOf(holder, "GET", `${ORIGIN}/files/a`, task.token)]) {
      const answer = await askAs("envoy", { path: "/files/a", headers: headers(task, each) })
      expect(answer.headers.get("WWW-Authenticate")).toContain('error="use_dpop_nonce"')
    }
  })

  test("that came with a call which the edge refused is used up too", async () => {
    const { holder, task } = await boundTask()
    const proof = await proofOf(holder, "GET", `${ORIGIN}/thrice`, task.token)
    const elsewhere = await proofOf(holder, "GET", `${ORIGIN}/nowhere`, task.token)
    expect((await askAs("envoy", { path: "/nowhere", headers: headers(task, elsewhere) })).code).toBe("unknown_tool")
    expect((await askAs("envoy", { path: "/nowhere", headers: headers(task, elsewhere) })).code).toBe("invalid_token")
    expect((await askAs("envoy", { path: "/thrice?a=1&a=2", headers: headers(task, proof) })).code).toBe(
      "malformed_call",
    )
    expect((await askAs("envoy", { path: "/thrice", headers: headers(task, proof) })).code).toBe("invalid_token")
  })

  test("that came with a call which a switch stopped is used up too", async () => {
    const { holder, task } = await boundTask()
    const proof = await proofOf(holder, "GET", `${ORIGIN}/thrice`, task.token)
    const ask = async () => askAs("envoy", { path: "/thrice", headers: headers(task, proof) })
    const id = await stop({ kind: "tool", tool: "thrice.*" })
    expect((await ask()).code).toBe("policy_denied")
    await lift(id)
    expect((await ask()).code).toBe("invalid_token")
    expect(await callsOf(task.task)).toBe(0)
  })

  // `watch` only observes: what it was let through by is seen all the same.
  test.each(["envoy", "watch"])("that came with a call denied through %s is used up too", async (gateway) => {
    const { holder, task } = await boundTask()
    const proof = await proofOf(holder, "GET", `${ORIGIN}/thrice`, task.token)
    for (let index = 0; index < 3; index++) {
      const own = await proofOf(holder, "GET", `${ORIGIN}/thrice`, task.token)
      expect((await askAs("envoy", { path: "/thrice", headers: headers(task, own) })).code).toBe("ok")
    }
    const start = Date.now()
    const { decision } = await askAs(gateway, { path: "/thrice", headers: headers(task, proof) })
    expect(await recordOf(decision)).toMatchObject({ decision: "deny", code: "rate_limited" })
    // Whoever saw it must not be admitted by it later.
    at(start + 2_500)
    expect((await askAs("envoy", { path: "/thrice", headers: headers(task, proof) })).code).toBe("invalid_token")
    const another = await proofOf(holder, "GET", `${ORIGIN}/thrice`, task.token)
    expect((await askAs("envoy", { path: "/thrice", headers: headers(task, another) })).code).toBe("ok")
  })
})
