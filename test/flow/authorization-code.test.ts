import { afterEach, beforeEach, describe, expect, test, vi } from "vitest"
import { z } from "zod"
import { publish, yard } from "../harness/bundles.ts"
import {
  allow,
  answer,
  CALLBACK,
  codeFor,
  formOf,
  provenAs,
  query,
  redeem,
  refreshBy,
  sentTo,
  shown,
  signedIn,
  taskOf,
  visit,
} from "../harness/browser.ts"
import { callWith } from "../harness/gateways.ts"
import { forgetCaches, freshIsolate } from "../harness/isolate.ts"
import { agentId, IDP, US } from "../harness/issuers.ts"
import { crash } from "../harness/ledgers.ts"
import { bearerOf, manage } from "../harness/management.ts"
import { newProofKey, proofForToken } from "../harness/proofs.ts"
import { recordOf, recordsOf } from "../harness/records.ts"

beforeEach(async () => {
  await publish(await yard())
})
afterEach(async () => {
  vi.useRealTimers()
  vi.restoreAllMocks()
  await freshIsolate()
})

const views = z.object({
  tasks: z.array(
    z.looseObject({
      status: z.string(),
      ended_by: z.string().nullable(),
      opened_at: z.number(),
      expires_at: z.number(),
      calls: z.object({ limit: z.number().nullable() }),
    }),
  ),
})
const viewOf = async (task: string) => {
  const { tasks } = views.parse((await manage("GET", `/v1/tasks/${task}`, await bearerOf("viewer"))).json)
  const [first] = tasks
  if (!first) throw new Error(`no task ${task}`)
  return first
}

describe("a person at their browser", () => {
  test("signs in, sees what is asked, agrees, and the program gets its token once", async () => {
    const search = query()
    const away = await visit(search, null)
    expect([away.status, sentTo(away).href === "about:blank"]).toEqual([303, true])
    expect(away.headers.get("location")).toBe(
      `/sign-in?${new URLSearchParams({ return: `/oauth/authorize?${search}` }).toString()}`,
    )
    const alice = await signedIn()
    const page = await visit(search, alice)
    expect(page.status).toBe(200)
    expect(page.headers.get("content-security-policy")).toContain("form-action 'self' https://app.test;")
    const { html, tools } = await shown(page)
    expect(tools).toEqual(["files.list", "files.read", "safe.burn"])
    expect(html).toContain(agentId("first"))
    expect(html).toContain("app.test")
    const back = sentTo(await allow(search, alice))
    expect(back.href.startsWith(`${CALLBACK}?`)).toBe(true)
    expect([back.searchParams.get("state"), back.searchParams.get("iss")]).toEqual(["the state", US])
    const code = back.searchParams.get("code") ?? ""
    const { issued } = await redeem(code)
    expect(issued).toMatchObject({ token_type: "Bearer", scope: "files.*:read safe.burn:execute", purpose: "work" })
    expect((await callWith(issued?.access_token ?? "", "/safe", { method: "DELETE" })).code).toBe("ok")
    const records = await recordsOf(taskOf(code), 3)
    const asked = records.find(({ kind }) => kind === "approval")
    expect(asked).toMatchObject({ code: "ok", operator: `${IDP}|alice`, user: `${IDP}|alice`, groups: ["staff"] })
    expect(records.map(({ kind }) => kind).toSorted()).toEqual(["approval", "call", "exchange"])
  })

  test("leaves of it what they like: tools, calls and life, and that is all that is granted", async () => {
    const code = await codeFor({}, (form) => {
      form.delete("keep")
      form.append("keep", "files.list")
      form.set("calls", "1")
      form.set("life", "300")
    })
    const { issued } = await redeem(code)
    expect(issued?.scope).toBe("files.list:read")
    const { calls, opened_at, expires_at } = await viewOf(taskOf(code))
    expect(calls.limit).toBe(1)
    expect(expires_at - opened_at).toBeLessThanOrEqual(300_000)
    expect((await callWith(issued?.access_token ?? "", "/files/a")).code).toBe("insufficient_scope")
    expect((await callWith(issued?.access_token ?? "", "/files")).code).toBe("ok")
    expect((await callWith(issued?.access_token ?? "", "/files")).code).toBe("budget_exhausted")
  })

  test("refuses, and the program is told so", async () => {
    const alice = await signedIn()
    const form = await formOf(query(), alice)
    form.set("decision", "refuse")
    const said = await answer(query(), alice, form)
    const back = sentTo(said)
    expect(Object.fromEntries(back.searchParams)).toMatchObject({ error: "access_denied", state: "the state", iss: US })
    expect(back.searchParams.has("code")).toBe(false)
    expect(await recordOf(said.headers.get("x-narrowgate-decision") ?? "")).toMatchObject({
      kind: "approval",
      decision: "deny",
      code: "access_denied",
      denial: { reason: "consent_refused" },
      operator: `${IDP}|alice`,
      chain: [agentId("first")],
    })
  })

  test("is asked by a program that names nothing but itself for what its purpose gives by default", async () => {
    const code = await codeFor({ scope: undefined, purpose: "errand", state: undefined })
    expect((await redeem(code)).issued).toMatchObject({ scope: "files.read:read", purpose: "errand" })
  })

  test("who only looks ahead begins nothing and is recorded nowhere", async () => {
    const alice = await signedIn()
    for (const headers of [{ "sec-purpose": "prefetch" }, { "sec-purpose": "prefetch;prerender" }]) {
      const answer = await visit(query(), alice, headers)
      expect([answer.status, await answer.text()]).toEqual([204, ""])
    }
    const head = await visit(query(), alice, {}, "HEAD")
    expect([head.status, head.headers.has("x-narrowgate-decision")]).toEqual([204, false])
  })
})
