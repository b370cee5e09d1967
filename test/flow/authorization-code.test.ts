import { decodeJwt, SignJWT, type CryptoKey } from "jose"
import { describe, expect, test, vi } from "vitest"
import { clientDocument, forgetClientDocuments } from "../../src/credentials/client-document.ts"
import { JWT_BEARER, openChild } from "../harness/agents.ts"
import { publish, yard, showOlder } from "../harness/bundles.ts"
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
import { knock } from "../harness/door.ts"
import { yardForEach } from "../harness/each-test.ts"
import { callWith } from "../harness/gateways.ts"
import { forgetCaches, killObjects } from "../harness/isolate.ts"
import { agentId, IDP, newSigner, stranger, svid, US } from "../harness/issuers.ts"
import { bearerOf, manage, viewOf } from "../harness/management.ts"
import { Place } from "../harness/places.ts"
import { newProofKey, proofForToken } from "../harness/proofs.ts"
import { recordOf, recordsOf } from "../harness/records.ts"
import { withTools } from "../harness/trees.ts"

yardForEach()

describe("a person at their browser", () => {
  test("signs in, sees what is asked, agrees, and the program gets its token once", async () => {
    const search = query()
    const away = await visit(search, null)
    expect(away.status).toBe(303)
    expect(away.headers.get("location")).toBe(
      `/sign-in?${new URLSearchParams({ return: `/oauth/authorize?${search}` }).toString()}`,
    )
    const alice = await signedIn()
    const page = await visit(search, alice)
    expect(page.status).toBe(200)
    expect(page.headers.get("content-security-policy")).toContain("form-action 'self' https://app.test;")
    const { html, tools } = await shown(page)
    expect(tools).toEqual(["files.forbidden", "files.list", "files.read", "safe.burn"])
    for (const said of [agentId("first"), "app.test", "Purpose: <strong>work</strong>"]) {
      expect(html).toContain(said)
    }
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
      denial: { reason: "consent_refused", claimed_client: agentId("first") },
      operator: `${IDP}|alice`,
      chain: [],
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

describe("a code", () => {
  test("that is used twice ends what came of it, whoever shows it the second time", async () => {
    for (const more of [{}, { ...(await provenAs("second")) }, { code_verifier: "another".repeat(7) }]) {
      const code = await codeFor()
      const { issued } = await redeem(code)
      expect((await callWith(issued?.access_token ?? "", "/files")).code).toBe("ok")
      const { refused } = await redeem(code, more)
      expect(refused?.error).toBe("invalid_grant")
      expect(await recordOf(refused?.decision_id ?? "")).toMatchObject({ denial: { what: "used before" } })
      expect((await callWith(issued?.access_token ?? "", "/files")).code).toBe("invalid_token")
      expect(await viewOf(taskOf(code))).toMatchObject({ status: "revoked", ended_by: "misuse" })
      const ends = (await recordsOf(taskOf(code), 5)).filter(({ kind }) => kind === "end")
      expect(ends).toMatchObject([{ decision: "deny", code: "invalid_grant", denial: { reason: "grant_refused" } }])
    }
  })

  test.each<readonly [string, () => Promise<Readonly<Record<string, string | readonly string[] | undefined>>>]>([
    ["by another program", async () => provenAs("second")],
    ["with another verifier", async () => ({ code_verifier: "another".repeat(7) })],
    ["with the challenge as verifier", async () => ({ code_verifier: query().match(/challenge=([^&]+)/)?.[1] })],
    ["with another of the program's own redirect URIs", async () => ({ redirect_uri: "http://127.0.0.1/callback" })],
  ])("that is shown %s is good for nobody any more", async (_what, more) => {
    const code = await codeFor()
    expect((await redeem(code, await more())).refused?.error).toBe("invalid_grant")
    expect((await redeem(code)).refused?.error).toBe("invalid_grant")
    expect(await viewOf(taskOf(code))).toMatchObject({ status: "revoked", ended_by: "misuse" })
  })

  test("needs no redirect URI, as in OAuth 2.1, and takes the resource again, but no other", async () => {
    const code = await codeFor()
    expect((await redeem(code, { resource: "https://other.test/" })).refused?.error).toBe("invalid_target")
    expect((await redeem(code, { resource: "https://api.test/", redirect_uri: undefined })).status).toBe(200)
  })

  test("is good for sixty seconds", async () => {
    const [one, other] = [await codeFor(), await codeFor()]
    const start = Date.now()
    vi.useFakeTimers({ now: start + 55_000, toFake: ["Date"] })
    expect((await redeem(one)).status).toBe(200)
    vi.setSystemTime(start + 61_000)
    expect((await redeem(other)).refused?.error).toBe("invalid_grant")
  })

  test("of fifty redemptions at once at most one succeeds, and what came of it has ended", async () => {
    const code = await codeFor()
    const answers = await Promise.all(Array.from({ length: 50 }, async () => redeem(code)))
    const issued = answers.flatMap(({ issued }) => issued ?? [])
    expect(issued.length).toBeLessThanOrEqual(1)
    expect(await viewOf(taskOf(code))).toMatchObject({ status: "revoked", ended_by: "misuse" })
  })

  test("outlives a crash, before it is used and after", async () => {
    const code = await codeFor()
    await killObjects()
    const { issued } = await redeem(code)
    await killObjects()
    expect((await callWith(issued?.access_token ?? "", "/files")).code).toBe("ok")
    expect((await redeem(code)).refused?.error).toBe("invalid_grant")
    expect((await callWith(issued?.access_token ?? "", "/files")).code).toBe("invalid_token")
  })

  test("is no answer to a poll, nor is what is polled for a code", async () => {
    const code = await codeFor()
    const poll = { grant_type: "urn:openid:params:grant-type:ciba", auth_req_id: code, code: undefined }
    expect((await redeem(code, poll)).refused?.error).toBe("invalid_grant")
    expect((await redeem(code)).status).toBe(200)
  })

  test("is bound to the key that was named with the request", async () => {
    const [right, wrong] = [await newProofKey(), await newProofKey()]
    const code = await codeFor({ dpop_jkt: right.jkt })
    const { issued } = await redeem(code, {}, { DPoP: await proofForToken(right) })
    expect(issued?.token_type).toBe("DPoP")
    for (const headers of [{}, { DPoP: await proofForToken(wrong) }]) {
      const other = await codeFor({ dpop_jkt: right.jkt })
      expect((await redeem(other, {}, headers)).refused?.error).toBe("invalid_grant")
      expect((await redeem(other, {}, { DPoP: await proofForToken(right) })).refused?.error).toBe("invalid_grant")
    }
  })

  test("opens no more than the person was shown, by the rules of when it is used", async () => {
    const code = await codeFor({ scope: undefined, purpose: "errand" })
    const body = await yard()
    const grant = { tools: ["*:read", "*:write"], max_sensitivity: "restricted", arguments: {} } as const
    const wider = body.purposes.map((each) =>
      each.name === "errand" ? { name: "errand", grant, life: 6_000, user: each.user } : each,
    )
    await publish({ ...body, purposes: wider }, 2)
    forgetCaches()
    expect((await redeem(code)).issued?.scope).toBe("files.read:read")
    expect((await viewOf(taskOf(code))).calls.limit).toBe(5)
  })

  test("of a task that an operator has ended meanwhile is good for nothing", async () => {
    const code = await codeFor()
    const stop = { task: taskOf(code) }
    expect((await manage("POST", "/v1/revocations", await bearerOf("operator"), {}, stop)).status).toBe(200)
    expect((await redeem(code)).refused?.error).toBe("invalid_grant")
  })
})

test("a code and its refresh tokens open no other audience than was agreed to, though their agent may have it", async () => {
  const body = await yard()
  const [gateway] = body.gateways
  if (!gateway) throw new Error("the yard has changed")
  const OTHER = "https://other.test/"
  await publish({ ...body, gateways: [...body.gateways, { ...gateway, id: "other", audience: OTHER }] }, 2)
  forgetCaches()
  // It may.
  const { issued: there } = await redeem(await codeFor({ resource: OTHER }))
  expect(decodeJwt(there?.access_token ?? "").aud).toBe(OTHER)
  const code = await codeFor()
  expect((await redeem(code, { resource: OTHER })).refused?.error).toBe("invalid_target")
  const { issued } = await redeem(code)
  const refresh = issued?.refresh_token ?? ""
  expect((await refreshBy(refresh, { resource: OTHER })).refused?.error).toBe("invalid_target")
  const { issued: again } = await refreshBy(refresh)
  expect(decodeJwt(again?.access_token ?? "").aud).toBe("https://api.test/")
})

describe("a refresh token", () => {
  const first = async (): Promise<{ code: string; token: string; refresh: string }> => {
    const code = await codeFor()
    const { issued } = await redeem(code)
    return { code, token: issued?.access_token ?? "", refresh: issued?.refresh_token ?? "" }
  }

  test("of a person who was erased gives none", async () => {
    const { token, refresh } = await first()
    const erased = { user: `${IDP}|alice` }
    expect((await manage("POST", "/v1/users/erase", await bearerOf("operator"), {}, erased)).status).toBe(200)
    expect((await refreshBy(refresh)).refused?.error).toBe("invalid_grant")
    expect((await callWith(token, "/files")).code).toBe("invalid_token")
  })

  test("gives one more token of the same task, and another refresh token in its place", async () => {
    const { code, token, refresh } = await first()
    const { issued } = await refreshBy(refresh, { resource: "https://api.test/" })
    expect(issued).toMatchObject({ task: taskOf(code), scope: "files.*:read safe.burn:execute" })
    expect(issued?.refresh_token).not.toBe(refresh)
    for (const each of [token, issued?.access_token ?? ""]) expect((await callWith(each, "/files")).code).toBe("ok")
    const again = await refreshBy(issued?.refresh_token ?? "", { scope: "safe.burn:execute files.*:read" })
    expect(again.status).toBe(200)
  })

  test("gives a token of a narrower scope, which opens that alone, and then one of the whole (RFC 6749, section 6)", async () => {
    const { token, refresh } = await first()
    const { issued } = await refreshBy(refresh, { scope: "files.list:read" })
    expect(issued?.scope).toBe("files.list:read")
    const narrower = issued?.access_token ?? ""
    expect(decodeJwt(narrower)["scope"]).toBe("files.list:read")
    const opened = async (by: string) => [
      (await callWith(by, "/files")).code,
      (await callWith(by, "/files/a")).code,
      (await callWith(by, "/safe", { method: "DELETE" })).code,
    ]
    expect(await opened(narrower)).toEqual(["ok", "insufficient_scope", "insufficient_scope"])
    // Not by what it is exchanged for either, and not after a crash.
    await killObjects()
    const renewed = await openChild(narrower, "first", {})
    const child = await openChild(narrower, "second", {})
    for (const each of [narrower, renewed.token]) {
      expect(await opened(each)).toEqual(["ok", "insufficient_scope", "insufficient_scope"])
    }
    expect([renewed.scope, child.scope]).toEqual(["files.list:read", "files.list:read"])
    expect((await callWith(child.token, "/files/a")).code).toBe("insufficient_scope")
    expect((await callWith(token, "/files/a")).code).toBe("ok")
    const whole = await refreshBy(issued?.refresh_token ?? "")
    expect(whole.issued?.scope).toBe("files.*:read safe.burn:execute")
  })

  test("is not used up by a request for a wider scope", async () => {
    const { refresh } = await first()
    for (const scope of ["files.*:read mail.send:write", "*:read", "files.*:write", "nothing.there:read"]) {
      expect((await refreshBy(refresh, { scope })).refused?.error).toBe("invalid_scope")
    }
    // In other words, but no more.
    const { issued } = await refreshBy(refresh, { scope: "files.read:read files.*:read" })
    expect(issued?.scope).toBe("files.read:read files.*:read")
  })

  test("is used by libraries with the scope that they requested first, of which less may have been granted", async () => {
    const scope = "files.*:read mail.*:read safe.burn:execute"
    const code = await codeFor({ scope }, (form) => form.delete("keep", "files.read"))
    const { issued } = await redeem(code)
    const granted = "files.forbidden:read files.list:read safe.burn:execute"
    expect(issued?.scope).toBe(granted)
    const again = await refreshBy(issued?.refresh_token ?? "", { scope })
    expect(again.issued?.scope).toBe(granted)
    const part = await refreshBy(again.issued?.refresh_token ?? "", { scope: "files.*:read" })
    expect(part.refused?.error).toBe("invalid_scope")
  })

  test("that was replaced ends the task when it comes late, and at once where another agent shows it", async () => {
    for (const [more, late] of [
      [{}, 11_000],
      [await provenAs("second"), 0],
    ] as const) {
      const { code, token, refresh } = await first()
      const { issued } = await refreshBy(refresh)
      if (late > 0) vi.useFakeTimers({ now: Date.now() + late, toFake: ["Date"] })
      expect((await refreshBy(refresh, more)).refused?.error).toBe("invalid_grant")
      for (const each of [token, issued?.access_token ?? ""]) {
        expect((await callWith(each, "/files")).code).toBe("invalid_token")
      }
      expect((await refreshBy(issued?.refresh_token ?? "")).refused?.error).toBe("invalid_grant")
      expect(await viewOf(taskOf(code))).toMatchObject({ status: "revoked", ended_by: "misuse" })
      vi.useRealTimers()
    }
  })

  test("of a program that refreshes for all its requests at once is good for each, and none of the old ones later", async () => {
    const { code, refresh } = await first()
    const answers = await Promise.all(Array.from({ length: 20 }, async () => refreshBy(refresh)))
    const tokens = answers.flatMap(({ issued }) => issued?.refresh_token ?? [])
    expect(new Set(tokens).size).toBe(20)
    const [one = "", other = ""] = tokens
    expect((await refreshBy(one)).status).toBe(200)
    // At once, and not only when it comes late.
    expect((await refreshBy(other)).refused?.error).toBe("invalid_grant")
    expect((await viewOf(taskOf(code))).status).toBe("revoked")
  })

  test("that too many want at once is refused to the rest, and the task goes on", async () => {
    const { code, refresh } = await first()
    const answers = await Promise.all(Array.from({ length: 40 }, async () => refreshBy(refresh)))
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(32)
    expect(answers.filter(({ status }) => status === 429)).toHaveLength(8)
    expect((await viewOf(taskOf(code))).status).toBe("active")
  })

  test("outlives a crash", async () => {
    const { refresh } = await first()
    await killObjects()
    const { issued } = await refreshBy(refresh)
    await killObjects()
    expect((await refreshBy(issued?.refresh_token ?? "")).status).toBe(200)
  })

  test("dies with its task, however that ends", async () => {
    const [ended, expired] = [await first(), await first()]
    const stop = { task: taskOf(ended.code) }
    await manage("POST", "/v1/revocations", await bearerOf("operator"), {}, stop)
    expect((await refreshBy(ended.refresh)).refused?.error).toBe("invalid_grant")
    vi.useFakeTimers({ now: Date.now() + 601_000, toFake: ["Date"] })
    expect((await refreshBy(expired.refresh)).refused?.error).toBe("invalid_grant")
  })

  const next = async (refresh: string): Promise<string> => (await refreshBy(refresh)).issued?.refresh_token ?? ""
  const expectMisused = async (code: string, token: string): Promise<void> => {
    expect(await viewOf(taskOf(code))).toMatchObject({ status: "revoked", ended_by: "misuse" })
    expect((await callWith(token, "/files")).code).toBe("invalid_token")
  }

  test("that a thief uses within seconds after each use by its owner shows the theft at the owner's next use", async () => {
    const { code, token, refresh } = await first()
    const [owners, thiefs] = [await next(refresh), await next(refresh)]
    expect((await refreshBy(owners)).status).toBe(200)
    expect((await refreshBy(thiefs)).refused?.error).toBe("invalid_grant")
    await expectMisused(code, token)
  })

  test("ends the access tokens of those that come of the same one and were not gone on with", async () => {
    const { refresh } = await first()
    const [one, other] = [await refreshBy(refresh), await refreshBy(refresh)]
    const tokens = [one, other].map(({ issued }) => issued?.access_token ?? "")
    const codes = async () => Promise.all(tokens.map(async (token) => (await callWith(token, "/files")).code))
    expect(await codes()).toEqual(["ok", "ok"])
    expect((await refreshBy(one.issued?.refresh_token ?? "")).status).toBe(200)
    expect(await codes()).toEqual(["ok", "invalid_token"])
    await killObjects()
    expect(await codes()).toEqual(["ok", "invalid_token"])
  })

  test("that a thief reads and uses round after round, after its owner, ends the task in the fifth", async () => {
    const { code, refresh } = await first()
    let owners = refresh
    let stolen = 0
    for (let round = 1; round <= 5; round++) {
      const after = await next(owners)
      if (round === 3) await killObjects()
      const { issued, refused } = await refreshBy(owners)
      if (issued) stolen += 1
      else expect([round, refused?.error]).toEqual([5, "invalid_grant"])
      owners = after
    }
    expect(stolen).toBe(4)
    expect(await viewOf(taskOf(code))).toMatchObject({ status: "revoked", ended_by: "misuse" })
  })

  test("that a thief uses first, and goes on with, shows the theft at the owner's next use", async () => {
    const { code, token, refresh } = await first()
    const [thiefs, owners] = [await next(refresh), await next(refresh)]
    expect((await refreshBy(thiefs)).status).toBe(200)
    expect((await refreshBy(owners)).refused?.error).toBe("invalid_grant")
    await expectMisused(code, token)
  })

  test("of a client whose answers are lost, one or more of each round, goes on", async () => {
    const { code, refresh } = await first()
    let known = refresh
    for (let round = 0; round < 4; round++) {
      for (let lost = 0; lost <= round; lost++) expect((await refreshBy(known)).status).toBe(200)
      known = await next(known)
    }
    expect((await viewOf(taskOf(code))).status).toBe("active")
  })

  test("is bound to the key of the task's tokens: shown with another, or none, it was stolen", async () => {
    const [right, wrong] = [await newProofKey(), await newProofKey()]
    for (const headers of [{}, { DPoP: await proofForToken(wrong) }]) {
      const code = await codeFor()
      const { issued } = await redeem(code, {}, { DPoP: await proofForToken(right) })
      const renewed = await refreshBy(issued?.refresh_token ?? "", {}, { DPoP: await proofForToken(right) })
      expect(renewed.issued?.token_type).toBe("DPoP")
      const refresh = renewed.issued?.refresh_token ?? ""
      expect((await refreshBy(refresh, {}, headers)).refused?.error).toBe("invalid_grant")
      expect(await viewOf(taskOf(code))).toMatchObject({ status: "revoked", ended_by: "misuse" })
      const last = await refreshBy(refresh, {}, { DPoP: await proofForToken(right) })
      expect(last.refused?.error).toBe("invalid_grant")
    }
  })

  test("that was replaced binds the task to no key, however soon it is shown with one", async () => {
    const { code, token, refresh } = await first()
    await next(refresh)
    const thief = { DPoP: await proofForToken(await newProofKey()) }
    expect((await refreshBy(refresh, {}, thief)).refused?.error).toBe("invalid_grant")
    await expectMisused(code, token)
  })

  test("of several that are good binds the task to no key; the only one does", async () => {
    const { code, refresh } = await first()
    const [one] = [await next(refresh), await next(refresh)]
    const holder = await newProofKey()
    const { refused } = await refreshBy(one, {}, { DPoP: await proofForToken(holder) })
    expect(await recordOf(refused?.decision_id ?? "")).toMatchObject({ denial: { reason: "key_differs" } })
    expect((await viewOf(taskOf(code))).status).toBe("active")
    const only = await next(one)
    expect((await refreshBy(only, {}, { DPoP: await proofForToken(holder) })).issued?.token_type).toBe("DPoP")
  })

  test("is good for no agent that has to prove a key by now, where it proves none", async () => {
    const { refresh } = await first()
    const body = await yard()
    const strict = body.agents.map((agent) => (agent.id === agentId("first") ? { ...agent, bound_key: true } : agent))
    await publish({ ...body, agents: strict }, 2)
    forgetCaches()
    const { refused } = await refreshBy(refresh)
    expect(await recordOf(refused?.decision_id ?? "")).toMatchObject({ denial: { reason: "key_required" } })
    expect((await refreshBy(refresh, {}, { DPoP: await proofForToken(await newProofKey()) })).status).toBe(200)
  })

  test("is judged by the newest rules that its ledger has seen, also by an isolate that is behind", async () => {
    const { code, refresh } = await first()
    const second = await publish(await yard(), 2)
    forgetCaches()
    const renewed = (await refreshBy(refresh)).issued?.refresh_token ?? ""
    // An isolate that is behind.
    await showOlder({ ...second, seq: 1 })
    forgetCaches()
    const renewedAgain = await refreshBy(renewed)
    expect(renewedAgain.status).toBe(200)
    const records = await recordsOf(taskOf(code), 4)
    expect(records.map(({ bundle }) => bundle?.seq)).toEqual([2, 2, 1, 1])
    await publish(await yard(), 2)
    forgetCaches()
    expect((await refreshBy(renewedAgain.issued?.refresh_token ?? "")).status).toBe(200)
  })

  test("gives no other audience than its task has", async () => {
    const { refresh } = await first()
    expect((await refreshBy(refresh, { resource: "https://other.test/" })).refused?.error).toBe("invalid_target")
    expect((await refreshBy(refresh)).status).toBe(200)
  })

  test("gives nothing for an agent or a person that is stopped", async () => {
    const { refresh } = await first()
    const operator = await bearerOf("operator")
    await manage("POST", "/v1/revocations", operator, {}, { agent: agentId("first") })
    expect((await refreshBy(refresh)).refused?.error).toBe("unauthorized_client")
  })

  test("and a code are good for nothing where their agent is no client any more", async () => {
    const [{ refresh }, code] = [await first(), await codeFor()]
    const body = await yard()
    const agents = body.agents.map(({ client: _client, ...agent }) => agent)
    await publish({ ...body, agents }, 2)
    forgetCaches()
    expect((await refreshBy(refresh)).refused?.error).toBe("invalid_grant")
    expect((await redeem(code)).refused?.error).toBe("invalid_grant")
  })

  test("and a code of its own making open nothing: a task's id is no secret", async () => {
    const { code, refresh } = await first()
    const [root, family] = refresh.split(".")
    const forged = `${root}.${"A".repeat(43)}.${"A".repeat(43)}`
    expect((await refreshBy(forged)).refused?.error).toBe("invalid_grant")
    expect((await redeem(`${taskOf(code)}.${"A".repeat(43)}`)).refused?.error).toBe("invalid_grant")
    expect((await viewOf(taskOf(code))).status).toBe("active")
    // Who knows what all of them share had one of them.
    expect((await refreshBy(`${root}.${family}.${"A".repeat(43)}`)).refused?.error).toBe("invalid_grant")
    expect((await viewOf(taskOf(code))).status).toBe("revoked")
  })
})

/** A program that can keep no secret. */
const LAPTOP = "https://laptop.test/agent"
const unproven = { client_assertion: undefined, client_assertion_type: undefined }
const back = "http://127.0.0.1:5050/callback"
const asLaptop = { client_id: LAPTOP, redirect_uri: back, scope: "files.*:read" }

describe("a program that can keep no secret", () => {
  test("is shown as one that has not proven who it is, and gets what was consented to by its verifier", async () => {
    const { html } = await shown(await visit(query(asLaptop), await signedIn()))
    expect(html).toContain("This program is not verified.")
    expect((await shown(await visit(query(), await signedIn()))).html).not.toContain("is not verified")
    const code = await codeFor(asLaptop)
    const { issued } = await redeem(code, { ...unproven, client_id: LAPTOP, redirect_uri: back })
    expect(issued).toMatchObject({ scope: "files.*:read" })
    expect((await callWith(issued?.access_token ?? "", "/files")).code).toBe("ok")
    const refreshed = await refreshBy(issued?.refresh_token ?? "", { ...unproven, client_id: LAPTOP })
    expect(refreshed.status).toBe(200)
  })

  test("gets nothing else by its name alone, nor does one that is not registered so", async () => {
    const grants = [
      "client_credentials",
      "urn:ietf:params:oauth:grant-type:token-exchange",
      "urn:ietf:params:oauth:grant-type:jwt-bearer",
      "urn:openid:params:grant-type:ciba",
    ]
    for (const grant_type of grants) {
      const { refused } = await redeem("x", { ...unproven, grant_type, client_id: LAPTOP })
      expect([grant_type, refused?.error]).toEqual([grant_type, "invalid_client"])
    }
    const asks = { client_id: LAPTOP, login_hint: `${IDP}|alice`, scope: "files.*:read", token: "x" }
    for (const path of ["/oauth/bc-authorize", "/oauth/introspect"]) {
      const said = await knock(new Request(US + path, { method: "POST", body: new URLSearchParams(asks) }))
      expect([path, said.status, await said.json()]).toMatchObject([path, 401, { error: "invalid_client" }])
    }
    const code = await codeFor()
    expect((await redeem(code, { ...unproven, client_id: agentId("first") })).refused?.error).toBe("invalid_client")
    expect((await redeem(code, unproven)).refused?.error).toBe("invalid_client")
    expect((await redeem(code)).status).toBe(200)
  })

  test("names itself in Authorization: Basic with an empty secret, encoded or not, as OAuth libraries do", async () => {
    for (const id of [LAPTOP, encodeURIComponent(LAPTOP)]) {
      const basic = { Authorization: `Basic ${btoa(`${id}:`)}` }
      const code = await codeFor(asLaptop)
      const { issued } = await redeem(code, { ...unproven, redirect_uri: back }, basic)
      expect((await callWith(issued?.access_token ?? "", "/files")).code).toBe("ok")
      const form = { ...unproven, refresh_token: issued?.refresh_token ?? "" }
      expect((await refreshBy(form.refresh_token, form, basic)).status).toBe(200)
    }
  })

  test("with a secret gets no token, and is told in its own scheme what to send", async () => {
    const code = await codeFor(asLaptop)
    const form = { ...unproven, redirect_uri: back }
    for (const credentials of [`${LAPTOP}:secret`, ":", "", `${agentId("first")}:`, "\u00e9:"]) {
      const { status, headers, refused } = await redeem(code, form, { Authorization: `Basic ${btoa(credentials)}` })
      expect([status, refused?.error]).toEqual([401, "invalid_client"])
      expect(headers.get("WWW-Authenticate")).toMatch(/^Basic realm="[^"]+"/)
      expect(refused?.error_description).toContain("client_id in the body, and no secret")
    }
    const { headers } = await redeem(code, form)
    expect(headers.get("WWW-Authenticate")).toBe('Bearer error="invalid_client"')
    expect((await redeem(code, { ...form, client_id: LAPTOP })).status).toBe(200)
  })

  test("proves a key where its registration says so, and its token is bound to that", async () => {
    const bound = agentId("bound")
    const form = { ...unproven, client_id: bound, redirect_uri: back }
    const code = await codeFor({ ...asLaptop, client_id: bound })
    expect((await redeem(code, form)).refused?.error).toBe("invalid_request")
    const holder = await newProofKey()
    const { issued } = await redeem(code, form, { DPoP: await proofForToken(holder) })
    expect(issued?.token_type).toBe("DPoP")
  })
})

describe("a program that has a document of its own", () => {
  const REDIRECT = "http://127.0.0.1:5050/callback"

  /** Registered by the URL of its document, which this isolate has read. */
  async function registered(
    authentication: "none" | "identity",
    members: Readonly<Record<string, unknown>> = {},
  ): Promise<Place> {
    const place = new Place()
    const body = await yard()
    const [agent] = body.agents
    if (!agent) throw new Error("the yard has changed")
    const { identities: _identities, ...rest } = agent
    const entity = body.entities.find(({ uid }) => uid.type === "Agent" && uid.id === agent.id)
    const client = { metadata: true, authentication } as const
    await publish({
      ...body,
      agents: [...body.agents, { ...rest, id: place.uri, client }],
      entities: [...body.entities, ...(entity ? [{ ...entity, uid: { type: "Agent", id: place.uri } }] : [])],
    })
    forgetCaches()
    const document = { client_id: place.uri, redirect_uris: ["http://127.0.0.1/callback"], ...members }
    await place.answers({ headers: { "content-type": "application/json" }, json: document })
    await clientDocument(place.uri, { now: Date.now(), local: true, background: () => undefined })
    return place
  }

  const unproven = { client_assertion: undefined, client_assertion_type: undefined }
  const asked = (place: Place) => ({ client_id: place.uri, redirect_uri: REDIRECT, scope: "files.*:read" })

  test("is shown by its own name as its own word, and gets its token by its verifier", async () => {
    const place = await registered("none", { client_name: "<b>Notes</b>" })
    const { html } = await shown(await visit(query(asked(place)), await signedIn()))
    expect(html).toContain("&lt;b&gt;Notes&lt;/b&gt;")
    expect(html).toContain("chosen by the program")
    expect(html).toContain("This program is not verified.")
    const code = await codeFor(asked(place))
    const { issued } = await redeem(code, { ...unproven, client_id: place.uri, redirect_uri: REDIRECT })
    expect(issued?.scope).toBe("files.*:read")
    expect((await callWith(issued?.access_token ?? "", "/files")).code).toBe("ok")
  })

  test("proves itself by the keys that it names there, and by nothing less", async () => {
    const { key, publicJwk } = await newSigner("own")
    const method = { token_endpoint_auth_method: "private_key_jwt", jwks: { keys: [publicJwk] } }
    for (const authentication of ["none", "identity"] as const) {
      const place = await registered(authentication, method)
      const by = async (signer: CryptoKey): Promise<string> =>
        new SignJWT({ jti: crypto.randomUUID() })
          .setProtectedHeader({ alg: "ES256", kid: "own" })
          .setIssuer(place.uri)
          .setSubject(place.uri)
          .setAudience(US)
          .setIssuedAt()
          .setExpirationTime("1m")
          .sign(signer)
      const code = await codeFor(asked(place))
      const more = { redirect_uri: REDIRECT, client_id: place.uri }
      const nothing = await redeem(code, { ...more, ...unproven })
      expect(nothing.refused?.error).toBe("invalid_client")
      const other = await redeem(code, { ...more, client_assertion: await by(stranger.key) })
      expect(other.refused?.error).toBe("invalid_client")
      const { issued } = await redeem(code, { ...more, client_assertion: await by(key) })
      expect(issued?.scope).toBe("files.*:read")
      const page = await shown(await visit(query(asked(place)), await signedIn()))
      expect(page.html).not.toContain("is not verified")
    }
  })

  test("of which nothing can be had is refused on a page: no document, or nothing to prove itself by", async () => {
    for (const authentication of ["identity", "none"] as const) {
      const place = await registered(authentication)
      // Here, as where it is deployed, nobody asks loopback.
      if (authentication === "none") forgetClientDocuments()
      const said = await visit(query(asked(place)), await signedIn())
      expect([said.status, said.headers.has("location")]).toEqual([400, false])
      const record = await recordOf(said.headers.get("x-narrowgate-decision") ?? "")
      expect(record).toMatchObject({ denial: { reason: "client_document_refused", client: place.uri } })
    }
  })

  test("that has changed since is judged by what it says now", async () => {
    const place = await registered("none")
    const code = await codeFor(asked(place))
    forgetClientDocuments()
    const moved = { client_id: place.uri, redirect_uris: ["https://evil.test/callback"] }
    await place.answers({ headers: { "content-type": "application/json" }, json: moved })
    await clientDocument(place.uri, { now: Date.now(), local: true, background: () => undefined })
    expect((await visit(query(asked(place)), await signedIn())).status).toBe(400)
    // Where a code was to go was settled when it was made.
    const there = { ...unproven, client_id: place.uri, redirect_uri: "https://evil.test/callback" }
    expect((await redeem(code, there)).refused?.error).toBe("invalid_grant")
  })
})

describe("a program gives up what it has", () => {
  async function onLaptop() {
    const code = await codeFor(asLaptop)
    return { code, ...(await redeem(code, { ...unproven, client_id: LAPTOP, redirect_uri: back })) }
  }

  const giveUp = async (token: string, by: Readonly<Record<string, string>>): Promise<number> => {
    const body = new URLSearchParams({ token, ...by })
    return (await knock(new Request(`${US}/oauth/revoke`, { method: "POST", body }))).status
  }

  test("by its refresh token, and the task ends; another's stays", async () => {
    const code = await codeFor()
    const { issued } = await redeem(code)
    const [refresh, token] = [issued?.refresh_token ?? "", issued?.access_token ?? ""]
    const [first, second] = await Promise.all(
      ["first", "second"].map(async (agent) => ({
        client_assertion: await svid(agent),
        client_assertion_type: JWT_BEARER,
      })),
    )
    expect(await giveUp(refresh, second ?? {})).toBe(200)
    expect((await callWith(token, "/files")).code).toBe("ok")
    expect(await giveUp(refresh, first ?? {})).toBe(200)
    expect((await callWith(token, "/files")).code).toBe("invalid_token")
    expect(await viewOf(taskOf(code))).toMatchObject({ status: "revoked", ended_by: "abort" })
    expect((await refreshBy(refresh)).refused?.error).toBe("invalid_grant")
  })

  test("where it can keep no secret, and not by what it makes up: a task's id is no secret", async () => {
    const { issued } = await onLaptop()
    const [root, , secret] = (issued?.refresh_token ?? "").split(".")
    for (const forged of [`${root}.${"A".repeat(43)}.${secret}`, `${root}.${secret}.${secret}`]) {
      expect(await giveUp(forged, { client_id: LAPTOP })).toBe(200)
    }
    expect((await callWith(issued?.access_token ?? "", "/files")).code).toBe("ok")
  })

  test("where it can keep no secret, by what it shows", async () => {
    const { issued } = await onLaptop()
    expect(await giveUp(issued?.refresh_token ?? "", { client_id: LAPTOP })).toBe(200)
    expect((await callWith(issued?.access_token ?? "", "/files")).code).toBe("invalid_token")
    expect(await giveUp(issued?.refresh_token ?? "", { client_id: agentId("first") })).toBe(401)
  })

  test.each(["by itself", "by an operator"])(
    "of a task that has ended %s, and no record is in its name",
    async (how) => {
      const { code, issued } = await onLaptop()
      const refresh = issued?.refresh_token ?? ""
      const task = taskOf(code)
      if (how === "by itself") expect(await giveUp(refresh, { client_id: LAPTOP })).toBe(200)
      else expect((await manage("POST", `/v1/tasks/${task}/abort`, await bearerOf("operator"))).status).toBe(200)
      for (let at = 0; at < 3; at++) {
        const body = new URLSearchParams({ token: refresh, client_id: LAPTOP })
        const { status, headers } = await knock(new Request(`${US}/oauth/revoke`, { method: "POST", body }))
        expect(status).toBe(200)
        const record = await recordOf(headers.get("X-Narrowgate-Decision") ?? "")
        expect(record).toMatchObject({ code: "not_found", chain: [], number: null })
        expect(record.denial).toMatchObject({ claimed_client: LAPTOP })
        await killObjects()
      }
    },
  )
})

describe("the page", () => {
  test.each([
    [150, 3],
    [5_000, 20],
    [5_000, 1_000],
  ])("of %d tools of %d servers is under 100 KB, and can be answered", { timeout: 60_000 }, async (count, servers) => {
    const body = await yard()
    const more = Array.from({ length: count }, (_, nth) => {
      const server = `server-${nth % servers}`
      return { server, name: `${server}.a-tool-with-a-name-of-some-length-${nth}` }
    })
    await publish(withTools(body, more), 2)
    forgetCaches()
    const page = await visit(query({ scope: "*:read" }), await signedIn())
    expect((await page.arrayBuffer()).byteLength).toBeLessThan(100_000)
    const code = await codeFor({ scope: "*:read" })
    const { issued } = await redeem(code)
    expect(issued?.scope.startsWith("*:read") || (issued?.scope.length ?? 0) > 1_000).toBe(true)
  })

  test("shows what a request says as text, and loads nothing that it names", async () => {
    const details = JSON.stringify([
      {
        type: "narrowgate_call",
        tools: ["files.read"],
        actions: ["read"],
        arguments: { file: { like: "<script>alert(1)</script>*" } },
      },
    ])
    const search = query({ scope: undefined, authorization_details: details, state: "<img src=x>" })
    const { html } = await shown(await visit(search, await signedIn()))
    expect(html).toContain("&lt;script&gt;alert(1)&lt;/script&gt;*")
    expect(html).not.toMatch(/<script>alert|<img/)
  })
})
