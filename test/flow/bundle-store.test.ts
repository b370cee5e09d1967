import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test"
import { env } from "cloudflare:workers"
import { beforeEach, describe, expect, inject, test, vi } from "vitest"
import { z } from "zod"
import { signPointer } from "../harness/publisher.ts"
import { Ledger } from "../../src/ledger/ledger.ts"
import type { BundleBody, Pointer } from "../../src/core/policy/bundle.ts"
import type { GatewayDefinition } from "../../src/core/policy/definition/gateways.ts"
import { encode } from "../../src/core/policy/encode.ts"
import { canonicalBytes, digestOf } from "../../src/core/policy/digest.ts"
import { bodyKey, bundleOf, POINTER_KEY } from "../../src/bundles/store.ts"
import { Publications } from "../../src/bundles/publications.ts"
import { bundleFor, requestContext } from "../../src/request-context.ts"
import { openTask } from "../harness/agents.ts"
import { publish, showOlder, yard } from "../harness/bundles.ts"
import { knock } from "../harness/door.ts"
import { freshIsolateForEach } from "../harness/each-test.ts"
import { callWith } from "../harness/gateways.ts"
import { forgetCaches, killObjects } from "../harness/isolate.ts"
import { US } from "../harness/issuers.ts"
import { filter, withServers } from "../harness/listings.ts"
import { manage } from "../harness/management.ts"
import { recordOf } from "../harness/records.ts"
import { BAD, otherBody, publishText, writePointer } from "./bundles-to-refuse.ts"

freshIsolateForEach()

const MINUTE = 60_000
const start = Date.now()

beforeEach(async () => {
  vi.useFakeTimers({ toFake: ["Date"] })
  vi.setSystemTime(start)
  await publish(await yard())
})

/** The bundle that this isolate decides by. */
async function decidingSeq(): Promise<number | null> {
  const context = createExecutionContext()
  const bundle = await bundleFor(requestContext(env, (work) => context.waitUntil(work)))
  await waitOnExecutionContext(context)
  return bundle && bundle.pointer.seq
}

const statement = async (pointer: Pointer): Promise<string> => signPointer(inject("publisher"), pointer)

async function publishOverHttp(body: BundleBody, seq: number): Promise<Pointer> {
  const bytes = canonicalBytes(body)
  const pointer = { seq, digest: await digestOf(bytes) }
  const headers = { "X-Narrowgate-Publication": await statement(pointer) }
  const request = new Request(`${US}/v1/bundles`, { method: "POST", headers, body: bytes })
  expect((await knock(request)).status).toBe(200)
  return pointer
}

const pointerReads = (calls: readonly (readonly unknown[])[]): unknown[] => calls.filter(([key]) => key === POINTER_KEY)

describe("a bundle that cannot be relied on", () => {
  test.each(BAD)("%s: the last good one is kept, and is given up after ten minutes", async (_what, spoil) => {
    const task = await openTask("first", { purpose: "work" })
    const decided = async (): Promise<number | string | null> => {
      const { code } = await callWith(task.token, "/files")
      return code === "ok" ? decidingSeq() : code
    }
    expect(await decided()).toBe(1)
    await spoil()
    vi.setSystemTime(start + 2 * MINUTE)
    expect(await decided()).toBe(1)
    vi.setSystemTime(start + 12 * MINUTE)
    expect(await decided()).toBe("unavailable")
  })

  test.each(BAD)("%s: a cold isolate decides nothing", async (_what, spoil) => {
    await spoil()
    forgetCaches()
    const answer = await callWith("ey.ey.ey", "/files", {}, "traefik")
    expect([answer.status, answer.code]).toEqual([503, "unavailable"])
    expect((await manage("GET", "/readyz", null)).status).toBe(503)
  })

  test("a rule that the evaluator does not know: no build lets it through, and what it may be about is refused", async () => {
    const { token } = await openTask()
    const body = await otherBody()
    const [first, ...rules] = body.rules
    if (!first) throw new Error("the yard has no rule")
    const unknown = { ...first, policy: { effect: "permit", principal: { op: "like" } } }
    expect(() => encode({ ...body, rules: [unknown, ...rules] })).toThrow(/like in a scope is not supported/)
    await publishText(encode(body).replaceAll('"effect":"permit"', '"effect":"permut"'))
    forgetCaches()
    expect((await callWith(token, "/files")).code).toBe("unavailable")
  })

  test("KV throws or hangs: as if nothing were there", async () => {
    const { token } = await openTask()
    const get = vi.spyOn(env.BUNDLES, "get").mockRejectedValue(new Error("KV is down"))
    vi.setSystemTime(start + 2 * MINUTE)
    expect((await callWith(token, "/files")).code).toBe("ok")
    forgetCaches()
    expect((await callWith(token, "/files")).code).toBe("unavailable")
    get.mockImplementation(async () => new Promise<never>(() => undefined))
    forgetCaches()
    expect((await callWith(token, "/files")).code).toBe("unavailable")
  }, 15_000)

  test("KV is slow: one call waits for it and a while, the others are decided by the bundle that is held", async () => {
    const { token } = await openTask()
    const get = vi.spyOn(env.BUNDLES, "get").mockImplementation(async () => new Promise<never>(() => undefined))
    vi.setSystemTime(start + 2 * MINUTE)
    for (let count = 0; count < 20; count++) expect((await callWith(token, "/files")).code).toBe("ok")
    const together = await Promise.all(Array.from({ length: 20 }, async () => callWith(token, "/files")))
    expect(new Set(together.map(({ code }) => code))).toEqual(new Set(["ok"]))
    // The pointer, and what is tried beside it.
    expect(pointerReads(get.mock.calls)).toHaveLength(1)
    vi.setSystemTime(start + 3 * MINUTE)
    get.mockRestore()
    await publish(await otherBody(), 2)
    expect(await decidingSeq()).toBe(2)
  }, 60_000)

  test("KV is slow and no bundle is held: all are refused with a time to try again, and few wait for it", async () => {
    const { token } = await openTask()
    const get = vi.spyOn(env.BUNDLES, "get").mockImplementation(async () => new Promise<never>(() => undefined))
    forgetCaches()
    for (let count = 0; count < 20; count++) {
      const { status, headers } = await callWith(token, "/files", {}, "traefik")
      expect([status, headers.get("Retry-After")]).toEqual([503, "5"])
    }
    for (const path of ["/v1/bundles", "/readyz"]) {
      const { status, headers } = await manage("GET", path, null)
      expect([path, status, headers.get("Retry-After")]).toEqual([path, 503, "5"])
    }
    expect(pointerReads(get.mock.calls)).toHaveLength(1)
  }, 120_000)

  test("nothing was ever published: the log says so, once in a while, and as no failure", async () => {
    await env.BUNDLES.delete(POINTER_KEY)
    forgetCaches()
    const log = vi.spyOn(console, "error")
    const failures = (): number =>
      log.mock.calls.filter(([text]) => String(text).includes("nothing_published_yet")).length
    await manage("GET", "/readyz", null)
    expect(failures()).toBe(1)
    vi.setSystemTime(start + 20_000)
    await manage("GET", "/readyz", null)
    expect(failures()).toBe(1)
    vi.setSystemTime(start + 2 * MINUTE)
    await manage("GET", "/readyz", null)
    expect(failures()).toBe(2)
  })

  test("a ledger cannot read the bundle: its calls are refused, and few wait for it", async () => {
    const { token } = await openTask()
    forgetCaches()
    const pointer = await publish(await otherBody(), 2)
    const get = vi.spyOn(env.BUNDLES, "get").mockImplementation(async () => new Promise<never>(() => undefined))
    for (let count = 0; count < 20; count++) expect(await bundleOf(env.BUNDLES, pointer)).toBeNull()
    expect(get).toHaveBeenCalledTimes(1)
    expect(token).not.toBe("")
  }, 120_000)
})

describe("the newest bundle that this Worker has accepted", () => {
  test("is what an isolate decides by that finds an older one in KV and has met no ledger that knows better", async () => {
    const first = await publish(await yard(), 1)
    expect(await decidingSeq()).toBe(1)
    // Another isolate finds the second one in KV, and nobody has called by it yet.
    await publish(await otherBody(), 2)
    forgetCaches()
    expect(await decidingSeq()).toBe(2)
    await writePointer(await statement(first))
    forgetCaches()
    expect(await decidingSeq()).toBe(2)
    const answer = await callWith((await openTask()).token, "/files")
    expect((await recordOf(answer.decision)).bundle?.seq).toBe(2)
    vi.setSystemTime(start + 30 * MINUTE)
    expect(await decidingSeq()).toBe(2)
  })

  test("reaches within a minute an isolate to which KV goes on showing the one before", async () => {
    const first = await publishOverHttp(await yard(), 1)
    const { token } = await openTask("first", { purpose: "work" })
    expect(await decidingSeq()).toBe(1)
    await publishOverHttp(await otherBody(), 2)
    await writePointer(await statement(first))
    const bundleAt = async (milliseconds: number) => {
      vi.setSystemTime(start + milliseconds)
      const { code, decision } = await callWith(token, "/files")
      return [code, (await recordOf(decision)).bundle?.seq]
    }
    expect(await bundleAt(29_000)).toEqual(["ok", 1])
    expect(await bundleAt(61_000)).toEqual(["ok", 2])
    expect(await bundleAt(122_000)).toEqual(["ok", 2])
  })

  test("is not displaced by another statement of the same number, which was signed and never published", async () => {
    const first = await publishOverHttp(await yard(), 1)
    await publish(await otherBody(), 1)
    forgetCaches()
    const { json } = await manage("GET", "/readyz", null)
    expect(json).toMatchObject({ bundle: first })
  })

  test("may have gone another way than by publishing: the next number is above it all the same", async () => {
    await publish(await otherBody(), 7)
    forgetCaches()
    expect(await decidingSeq()).toBe(7)
    const bytes = canonicalBytes(await yard())
    const headers = { "X-Narrowgate-Publication": await statement({ seq: 7, digest: await digestOf(bytes) }) }
    const request = new Request(`${US}/v1/bundles`, { method: "POST", headers, body: bytes })
    expect((await knock(request)).status).toBe(409)
    await publishOverHttp(await yard(), 8)
    forgetCaches()
    expect(await decidingSeq()).toBe(8)
  })

  test("is gone back from by publishing what was before under a higher number", async () => {
    await publishOverHttp(await yard(), 1)
    await publishOverHttp(await otherBody(), 2)
    const back = await publishOverHttp(await yard(), 3)
    forgetCaches()
    const { json } = await manage("GET", "/readyz", null)
    expect(json).toMatchObject({ bundle: back })
  })

  test("cannot be known: an isolate that holds none decides nothing, one that holds one goes on for ten minutes", async () => {
    await publishOverHttp(await yard(), 1)
    expect(await decidingSeq()).toBe(1)
    vi.spyOn(Publications.prototype, "newest").mockRejectedValue(new Error("out of reach, by a test"))
    vi.setSystemTime(start + 2 * MINUTE)
    expect(await decidingSeq()).toBe(1)
    expect(await manage("GET", "/readyz", null)).toMatchObject({ status: 503, json: { bundle: { seq: 1 } } })
    vi.setSystemTime(start + 12 * MINUTE)
    expect((await manage("GET", "/readyz", null)).status).toBe(503)
    forgetCaches()
    expect((await manage("GET", "/readyz", null)).status).toBe(503)
  })

  test.each<readonly [string, (first: string) => string | null]>([
    ["what is no statement", () => "ey.ey.ey"],
    ["an older one", (first) => first],
    ["nothing", () => null],
  ])("is said to be %s: an isolate never goes back", async (_what, answer) => {
    const first = await publishOverHttp(await yard(), 1)
    await publishOverHttp(await otherBody(), 2)
    forgetCaches()
    expect(await decidingSeq()).toBe(2)
    const older = await statement(first)
    vi.spyOn(Publications.prototype, "newest").mockResolvedValue(answer(older))
    vi.spyOn(Publications.prototype, "accept").mockResolvedValue(answer(older))
    await writePointer(older)
    vi.setSystemTime(start + 2 * MINUTE)
    expect(await decidingSeq()).toBe(2)
    vi.setSystemTime(start + 12 * MINUTE)
    expect((await manage("GET", "/readyz", null)).status).toBe(503)
  })
})

describe("readiness", () => {
  const ready = async (): Promise<unknown> => {
    const { status, json } = await manage("GET", "/readyz", null)
    return { status, ...z.object({ bundle: z.object({ seq: z.number() }).nullable() }).parse(json) }
  }

  test("is that of the newest publication, as of the last second, and not of the one that still decides", async () => {
    await publishOverHttp(await yard(), 1)
    expect(await ready()).toEqual({ status: 200, bundle: { seq: 1 } })
    await publishOverHttp(await otherBody(), 2)
    vi.setSystemTime(start + 2_000)
    expect(await decidingSeq()).toBe(1)
    expect(await ready()).toEqual({ status: 200, bundle: { seq: 2 } })
    expect(await decidingSeq()).toBe(2)
  })

  test("ends where the newest publication cannot be loaded", async () => {
    await publishOverHttp(await yard(), 1)
    expect(await ready()).toEqual({ status: 200, bundle: { seq: 1 } })
    const { digest } = await publishOverHttp(await otherBody(), 2)
    await env.BUNDLES.delete(bodyKey(digest))
    vi.setSystemTime(start + 2_000)
    expect(await ready()).toEqual({ status: 503, bundle: { seq: 1 } })
  })

  test("costs KV one read a second, however many ask", async () => {
    const get = vi.spyOn(env.BUNDLES, "get")
    for (const at of [2_000, 2_100, 2_900, 3_500]) {
      vi.setSystemTime(start + at)
      await Promise.all(Array.from({ length: 10 }, ready))
    }
    expect(pointerReads(get.mock.calls)).toHaveLength(2)
  })
})

describe("a newer bundle", () => {
  test("is followed within a minute, in the background after half of one", async () => {
    const { token } = await openTask("first", { purpose: "work" })
    const second = await publish(await otherBody(), 2)
    const bundleAt = async (milliseconds: number) => {
      vi.setSystemTime(start + milliseconds)
      return (await recordOf((await callWith(token, "/files")).decision)).bundle
    }
    expect((await bundleAt(29_000))?.seq).toBe(1)
    expect(await bundleAt(61_000)).toEqual(second)
  })

  test("is followed as soon where the clock has stepped back, and nothing is decided where none can be had", async () => {
    expect(await decidingSeq()).toBe(1)
    await publish(await otherBody(), 2)
    vi.setSystemTime(start - 29_000)
    expect(await decidingSeq()).toBe(1)
    vi.setSystemTime(start - 61_000)
    expect(await decidingSeq()).toBe(2)
    vi.spyOn(env.BUNDLES, "get").mockRejectedValue(new Error("KV is down"))
    vi.setSystemTime(start - 10 * MINUTE)
    expect(await decidingSeq()).toBe(2)
    vi.setSystemTime(start - 12 * MINUTE)
    expect((await manage("GET", "/readyz", null)).status).toBe(503)
  })

  test("once seen is never left for an older one: the isolate and the ledger both refuse it", async () => {
    const first = await publish(await yard(), 1)
    await publish(await otherBody(), 2)
    forgetCaches()
    const { token } = await openTask()
    await showOlder(first)
    vi.setSystemTime(start + 2 * MINUTE)
    expect((await recordOf((await callWith(token, "/files")).decision)).bundle?.seq).toBe(2)
    // A cold isolate cannot know; the ledger does, and the call is judged anew by the newer one.
    forgetCaches()
    const answer = await callWith(token, "/files")
    expect(answer.code).toBe("ok")
    expect((await recordOf(answer.decision)).bundle?.seq).toBe(2)
  })

  test("that has decided in a tree decides there after a crash too, whatever an isolate knows that is behind", async () => {
    const first = await publish(await yard(), 1)
    const { token } = await openTask()
    await publish(await otherBody(), 2)
    forgetCaches()
    const decidedBy = async () => (await recordOf((await callWith(token, "/files")).decision)).bundle?.seq
    expect(await decidedBy()).toBe(2)
    await killObjects()
    await showOlder(first)
    forgetCaches()
    expect(await decidedBy()).toBe(2)
  })

  test("that a ledger has fetched is no pointer that was checked: without one nothing is decided by it", async () => {
    const pointer = await publish(await yard(), 1)
    forgetCaches()
    expect((await bundleOf(env.BUNDLES, pointer))?.pointer).toEqual(pointer)
    vi.spyOn(env.BUNDLES, "get").mockRejectedValue(new Error("KV is down"))
    expect((await manage("GET", "/readyz", null)).status).toBe(503)
  })

  test("with the same content, as after a rollback: an isolate that is behind finds its way, in one more step", async () => {
    const pointer = await publish(await yard(), 1)
    const { token } = await openTask()
    // oxlint-disable-next-line typescript/unbound-method -- called with the object's own `this` below
    const { decide } = Ledger.prototype
    const asked: Pointer[] = []
    let pretended: Pointer | null = null
    vi.spyOn(Ledger.prototype, "decide").mockImplementation(async function (
      this: Ledger,
      version,
      by,
      ask,
      until,
    ): Promise<string> {
      asked.push(by)
      // Without this an endless loop would have no end here either.
      if (asked.length > 5) throw new Error("asked again and again")
      return decide.call(this, version, pretended ?? by, ask, until)
    })
    // Another isolate, which follows sooner, has decided here by the republished bundle.
    pretended = { seq: 3, digest: pointer.digest }
    await callWith(token, "/files")
    pretended = null
    asked.length = 0
    const answer = await callWith(token, "/files")
    expect(answer.code).toBe("ok")
    expect(asked.length).toBeLessThanOrEqual(2)
  })

  test("takes its gateways along: a key that it withdraws opens nothing any more", async () => {
    const { token } = await openTask()
    const body = await yard()
    await publish({ ...body, gateways: body.gateways.filter(({ id }) => id !== "traefik") }, 2)
    expect((await callWith(token, "/files", {}, "traefik")).code).toBe("ok")
    vi.setSystemTime(start + 61_000)
    const answer = await callWith(token, "/files", {}, "traefik")
    expect([answer.status, answer.code]).toEqual([403, "unknown_gateway"])
  })

  describe("by which the ledger has decided already, in an isolate that is behind", () => {
    /** The ledger knows 3, in which the gateway is as `changed` says; this isolate has 2, in which it observes. */
    async function behind(changed: (gateway: GatewayDefinition) => readonly GatewayDefinition[]): Promise<string> {
      const body = withServers(await yard())
      const traefik = body.gateways.find(({ id }) => id === "traefik")
      if (!traefik) throw new Error("the yard has changed")
      const others = body.gateways.filter(({ id }) => id !== "traefik")
      const older = await publish({ ...body, gateways: [...others, { ...traefik, mode: "observe" }] }, 2)
      forgetCaches()
      const { token } = await openTask("first")
      await publish({ ...body, gateways: [...others, ...changed(traefik)] }, 3)
      forgetCaches()
      expect((await callWith(token, "/files")).code).toBe("ok")
      await showOlder(older)
      forgetCaches()
      return token
    }

    test("a gateway that does not only observe any more stops what is denied", async () => {
      const token = await behind((traefik) => [traefik])
      const headers = { "Content-Type": "application/json" }
      const mail = { method: "POST", headers, body: '{"to":"a@elsewhere.test"}' }
      expect(await callWith(token, "/mail", mail, "traefik")).toMatchObject({ status: 403, code: "policy_denied" })
    })

    test("nor does it get a list that is not cut down", async () => {
      const token = await behind((traefik) => [traefik])
      expect((await filter(token, "files", ["list", "nope"], { gateway: "traefik" })).kept).toEqual(["list"])
    })

    test.each<readonly [string, (traefik: GatewayDefinition) => readonly GatewayDefinition[]]>([
      ["a gateway that is gone", () => []],
      ["one whose key was withdrawn", (traefik) => [{ ...traefik, key_sha256: ["0".repeat(64)] }]],
      [
        "one whose key is another's now",
        ({ key_sha256, ...traefik }) => [
          { ...traefik, key_sha256: [] },
          { ...traefik, key_sha256, id: "heir" },
        ],
      ],
      ["one that speaks another dialect", (traefik) => [{ ...traefik, dialect: "caddy" }]],
      ["one that stands before others", (traefik) => [{ ...traefik, origins: ["https://elsewhere.test"] }]],
    ])("%s opens nothing", async (_what, changed) => {
      const token = await behind(changed)
      expect(await callWith(token, "/files", {}, "traefik")).toMatchObject({ status: 403, code: "unknown_gateway" })
    })

    test.each<readonly [string, (traefik: GatewayDefinition) => readonly GatewayDefinition[]]>([
      ["a gateway that is gone", () => []],
      ["one whose key was withdrawn", (traefik) => [{ ...traefik, key_sha256: ["0".repeat(64)] }]],
    ])("%s gets no list", async (_what, changed) => {
      const token = await behind(changed)
      const answer = await filter(token, "files", ["list"], { gateway: "traefik" })
      expect(answer).toMatchObject({ status: 403, code: "unknown_gateway", kept: null })
    })
  })
})
