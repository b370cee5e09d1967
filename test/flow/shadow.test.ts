/** Shadow mode: a candidate bundle is tried beside the live one, and changes nothing but the record. */
import { env } from "cloudflare:workers"
import { beforeEach, describe, expect, test, vi } from "vitest"
import { z } from "zod"
import { freshIsolateForEach } from "../harness/each-test.ts"
import { limitsIn, window } from "../harness/guardrails.ts"
import type { BundleBody, Pointer } from "../../src/core/policy/bundle.ts"
import { forgetCandidate } from "../../src/bundles/candidate.ts"
import { bodyKey, forgetBundle } from "../../src/bundles/store.ts"
import { exchangeForm, openTask, postForm, type OpenTask } from "../harness/agents.ts"
import { publish, signed, yard } from "../harness/bundles.ts"
import { askAs, callWith, ORIGIN } from "../harness/gateways.ts"
import { evict } from "../harness/ledgers.ts"
import { bearerOf, complete, manage } from "../harness/management.ts"
import { newProofKey, proofForToken, proofOf } from "../harness/proofs.ts"
import { recordOf, recordsOf } from "../harness/records.ts"
import { provoke } from "../harness/worker-log.ts"

let live: BundleBody
beforeEach(async () => {
  live = await yard()
  await publish(live)
})
freshIsolateForEach()

const about = (effect: "permit" | "forbid", id: string, tool: string, conditions: readonly object[] = []) => ({
  id,
  policy: {
    effect,
    principal: { op: "All" },
    action: { op: "All" },
    resource: { op: "==", entity: { type: "Tool", id: tool } },
    conditions,
  },
  reads: [],
})
const withRule = (rule: ReturnType<typeof about>): BundleBody => ({ ...live, rules: [...live.rules, rule] })

/** The record of a call that came too early takes its time, and so does that of the next one. */
const RECORDED = { timeout: 10_000 }

/** From the second call on it is at hand, in the isolate and in the ledger. */
async function tryOut(candidate: BundleBody): Promise<{ readonly task: OpenTask; readonly pointer: Pointer }> {
  const pointer = await publish(candidate, 7, "candidate")
  forgetCandidate()
  const task = await openTask("first", { purpose: "work" })
  await vi.waitFor(async () => {
    const { decision } = await callWith(task.token, "/files/warm")
    const record = await recordOf(decision)
    expect(record.candidate?.bundle).toEqual(pointer)
  }, RECORDED)
  return { task, pointer }
}

async function called({ token }: OpenTask, path: string, method = "GET") {
  const { status, code, decision } = await callWith(token, path, { method })
  return { status, code, record: await recordOf(decision) }
}

describe("a candidate bundle", () => {
  test("that would refuse what is allowed refuses nothing, and is told of", async () => {
    const { task, pointer } = await tryOut(withRule(about("forbid", "no-listing", "files.list")))
    const { status, record } = await called(task, "/files")
    expect(status).toBe(200)
    expect(record).toMatchObject({ decision: "allow", code: "ok", bundle: { seq: 1 } })
    const differs = { decision: "deny", code: "policy_denied", rules: ["no-listing"], scope: null }
    expect(record.candidate).toMatchObject({ bundle: pointer, differs })
    expect(record.candidate?.differs?.denial).toMatchObject({ reason: "policy_forbids" })
    expect((await called(task, "/files/a")).record.candidate).toEqual({ bundle: pointer, differs: null })
  })

  test("that would allow what no rule permits opens nothing, and is told of", async () => {
    const task = await openTask("first", { purpose: "work" })
    const before = await called(task, "/forbidden")
    expect(before).toMatchObject({ status: 403, record: { candidate: null, life: null, number: null } })
    const tried = await tryOut(withRule(about("permit", "forbidden-no-more", "files.forbidden")))
    const after = await called(tried.task, "/forbidden")
    expect([after.status, after.code]).toEqual([before.status, before.code])
    const differs = { decision: "allow", code: "ok", denial: null, rules: ["forbidden-no-more"] }
    expect(after.record).toMatchObject({ decision: "deny", candidate: { differs } })
  })

  test("that would allow it changes nothing of why a call is refused, whatever its ledger would say", async () => {
    const refusedAs = async (task: OpenTask) => {
      await complete(task.task, `Bearer ${task.token}`)
      const { status, code, record } = await called(task, "/forbidden")
      const {
        id: _id,
        at: _at,
        candidate,
        token_hash: _token,
        task: _task,
        io_ms: _io,
        total_ms: _ms,
        ...told
      } = record
      return { answer: [status, code], told, candidate }
    }
    const before = await refusedAs(await openTask("first", { purpose: "work" }))
    const { task } = await tryOut(withRule(about("permit", "forbidden-no-more", "files.forbidden")))
    const after = await refusedAs(task)
    expect([after.answer, after.told]).toEqual([before.answer, before.told])
    expect(after.candidate?.differs).toMatchObject({ decision: "deny", code: "invalid_token" })
  })

  test("that would allow it keeps no proof from being used up", async () => {
    await tryOut(withRule(about("permit", "forbidden-no-more", "files.forbidden")))
    const holder = await newProofKey()
    const { token } = await openTask("first", { purpose: "work" }, await proofForToken(holder))
    const proof = await proofOf(holder, "GET", `${ORIGIN}/forbidden`, token)
    const headers = { Authorization: `DPoP ${token}`, DPoP: proof }
    const ask = async () => recordOf((await askAs("envoy", { path: "/forbidden", headers })).decision)
    expect(await ask()).toMatchObject({ code: "policy_denied", candidate: { differs: { code: "ok" } } })
    expect(await ask()).toMatchObject({ denial: { reason: "proof_replayed" }, candidate: null })
  })

  test("has windows of its own, and shortens none that is live", async () => {
    const own = window({ id: "tried", tools: ["files.list"], per: "tree", limit: 2, seconds: 60 })
    const shorter = limitsIn(live.guardrails).map((each) => ({
      ...each,
      span: { kind: "sliding", seconds: 1 } as const,
    }))
    const { task } = await tryOut({ ...live, guardrails: [...shorter, own] })
    const codes = []
    for (let index = 0; index < 4; index++) {
      const { status, record } = await called(task, "/files")
      codes.push([status, record.candidate?.differs?.code ?? "same"])
    }
    expect(codes).toEqual([
      [200, "same"],
      [200, "same"],
      [200, "rate_limited"],
      [200, "rate_limited"],
    ])
  })

  test("of token requests, tells what they would be given instead", async () => {
    const narrower = live.purposes.map((each) =>
      each.name === "work" ? { ...each, grant: { ...each.grant, tools: ["files.*:read"] } } : each,
    )
    await tryOut({ ...live, purposes: narrower })
    const asked = async (scope: string) => {
      const { issued } = await postForm({ ...(await exchangeForm("first")), purpose: "work", scope })
      const [record] = await recordsOf(issued?.task ?? "", 1)
      return { scope: issued?.scope, candidate: record?.candidate }
    }
    const both = await asked("files.*:read mail.send:write")
    expect(both.scope).toBe("files.*:read mail.send:write")
    expect(both.candidate?.differs).toMatchObject({ decision: "allow", code: "ok", scope: "files.*:read" })
    expect((await asked("files.read:read")).candidate).toMatchObject({ differs: null })
    const mail = (await asked("mail.send:write")).candidate?.differs
    expect(mail).toMatchObject({ decision: "deny", code: "invalid_scope", denial: { reason: "nothing_left" } })
  })

  test("what differs can be asked for", async () => {
    const { task } = await tryOut(withRule(about("forbid", "no-listing", "files.list")))
    const { record } = await called(task, "/files")
    await called(task, "/files/a")
    const { json } = await manage("GET", "/v1/decisions?differs=true", await bearerOf("viewer"))
    const { decisions } = z.object({ decisions: z.array(z.looseObject({ id: z.string() })) }).parse(json)
    expect(decisions.map(({ id }) => id)).toEqual([record.id])
  })

  test("that is the live one is not tried, nor one that was taken away", async () => {
    const other = withRule(about("forbid", "no-listing", "files.list"))
    const { task } = await tryOut(other)
    const tried = async () => (await called(task, "/files/a")).record.candidate
    await publish(other, 2)
    forgetBundle()
    expect((await called(task, "/files")).status).toBe(403)
    expect(await tried()).toBeNull()
    await publish(live, 3)
    forgetBundle()
    expect(await tried()).toMatchObject({ differs: null })
    await env.BUNDLES.delete("candidate")
    vi.useFakeTimers({ now: Date.now() + 31_000, toFake: ["Date"] })
    await vi.waitFor(async () => expect(await tried()).toBeNull(), RECORDED)
  })

  test("is tried again by a ledger that has slept", async () => {
    const { task, pointer } = await tryOut(withRule(about("forbid", "no-listing", "files.list")))
    await evict(task.task)
    expect((await called(task, "/files")).record.candidate).toMatchObject({ bundle: pointer, differs: {} })
  })
})

describe("a candidate that cannot be tried stops no call:", () => {
  const spoilt: readonly (readonly [string, (body: BundleBody) => Promise<void>])[] = [
    [
      "one that is not there",
      async (body) => {
        const { digest } = await publish(body, 7, "candidate")
        await env.BUNDLES.delete(bodyKey(digest))
      },
    ],
    [
      "one that is signed to decide",
      async (body) => {
        const { entries } = await signed(body, 7, "pointer")
        for (const [key, value] of entries) await env.BUNDLES.put(key === "pointer" ? "candidate" : key, value)
      },
    ],
    ["one that nobody has signed", async () => env.BUNDLES.put("candidate", "a.b.c")],
    [
      "one that this evaluator cannot assemble",
      async (body) => {
        const [route] = body.routes
        if (!route) throw new Error("the yard has routes")
        await publish({ ...body, routes: [route, route] }, 7, "candidate")
      },
    ],
  ]
  test.each(spoilt)("%s", async (_what, spoil) => {
    await spoil(withRule(about("forbid", "no-listing", "files.list")))
    const task = await openTask("first", { purpose: "work" })
    for (let index = 0; index < 3; index++) {
      const { status, record } = await called(task, "/files")
      expect([status, record.candidate]).toEqual([200, null])
      await new Promise((resolve) => setTimeout(resolve, 300))
    }
  })

  test("one that fails while it judges is told to have failed", async () => {
    provoke("candidate_failed")
    const { task } = await tryOut(withRule(about("forbid", "broken", "files.list", [{}])))
    const { status, record } = await called(task, "/files")
    expect(status).toBe(200)
    expect(record.candidate?.differs).toMatchObject({ code: "unavailable", denial: { reason: "failed" } })
  })
})
