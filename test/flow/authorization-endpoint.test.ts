import { describe, expect, test } from "vitest"
import { byAddress, publish, yard } from "../harness/bundles.ts"
import {
  allow,
  answer,
  CALLBACK,
  codeFor,
  formOf,
  query,
  redeem,
  sentTo,
  signedIn,
  taskOf,
  visit,
} from "../harness/browser.ts"
import { yardForEach } from "../harness/each-test.ts"
import { forgetCaches } from "../harness/isolate.ts"
import { agentId, IDP, US } from "../harness/issuers.ts"
import { bearerOf, manage, viewOf } from "../harness/management.ts"
import { recordOf } from "../harness/records.ts"
import { stop } from "../harness/switches.ts"
import { BY_REDIRECT, ON_A_PAGE, type ToRefuse } from "./authorizations-to-refuse.ts"

yardForEach()

test("no open redirector: what is wrong with client or place is shown, and nobody is sent anywhere", async () => {
  const alice = await signedIn()
  const form = new URLSearchParams({ csrf: alice.csrf, decision: "allow" })
  const check = async ({ what, more, reason, error }: ToRefuse): Promise<void> => {
    for (const said of [await visit(query(more), alice), await answer(query(more), alice, form)]) {
      expect([said.status, said.headers.has("location")], what).toEqual([400, false])
      const id = said.headers.get("x-narrowgate-decision") ?? ""
      expect(await said.text(), what).toContain(id)
      const record = await recordOf(id)
      expect(record, what).toMatchObject({ kind: "exchange", decision: "deny", code: error, denial: { reason } })
    }
  }
  // Many at once, as their records arrive together; of callers whom nobody knows no more than a hundred are kept.
  for (let at = 0; at < ON_A_PAGE.length; at += 40) await Promise.all(ON_A_PAGE.slice(at, at + 40).map(check))
})

describe("what is wrong with the request", () => {
  test("the program is told, where it is registered to be told", async () => {
    const alice = await signedIn()
    const form = new URLSearchParams({ csrf: alice.csrf, decision: "allow" })
    const tries = BY_REDIRECT.map(async ({ what, more, reason, error }) => {
      for (const said of [await visit(query(more), alice), await answer(query(more), alice, form)]) {
        expect(said.status, what).toBe(303)
        expect(said.headers.get("cache-control"), what).toBe("no-store")
        expect(said.headers.get("referrer-policy"), what).toBe("no-referrer")
        const back = sentTo(said)
        expect(back.href.startsWith(`${CALLBACK}?`), what).toBe(true)
        expect(Object.fromEntries(back.searchParams), what).toMatchObject({ error, iss: US })
        expect(back.searchParams.get("state"), what).toBe("state" in more ? null : "the state")
        expect(back.searchParams.get("error_description"), what).toMatch(/^[\x20-\x21\x23-\x5b\x5d-\x7e]+$/)
        const record = await recordOf(said.headers.get("x-narrowgate-decision") ?? "")
        const expected = {
          decision: "deny",
          code: error,
          denial: { reason, claimed_client: agentId("first") },
          chain: [],
        }
        expect(record, what).toMatchObject(expected)
      }
    })
    await Promise.all(tries)
  })

  test("a state that comes twice is not sent back: which it was is not known", async () => {
    const back = sentTo(await visit(query({ state: ["a", "b"] }), null))
    expect([back.searchParams.get("error"), back.searchParams.has("state")]).toEqual(["invalid_request", false])
  })
})

describe("a redirect URI", () => {
  test.each([
    ["that is registered with a query keeps it", "https://app.test/callback?from=here", "from=here&code="],
    ["of the loopback address is on any port", "http://127.0.0.1:53211/callback", "callback?code="],
    ["of the loopback address needs none", "http://127.0.0.1/callback", "callback?code="],
    ["of the IPv6 loopback address is on any port", "http://[::1]:1/callback", "callback?code="],
    ["of localhost is as it is written", "http://localhost:4000/callback", "callback?code="],
    ["of localhost is on any port", "http://localhost:53211/callback", "callback?code="],
    ["of an app has its own scheme", "com.example.app:/callback", "callback?code="],
  ])("%s", async (_what, redirect_uri, expected) => {
    const search = query({ redirect_uri })
    const back = await allow(search, await signedIn())
    expect(back.headers.get("location")?.startsWith(redirect_uri)).toBe(true)
    expect(back.headers.get("location")).toContain(expected)
    const code = sentTo(back).searchParams.get("code") ?? ""
    expect((await redeem(code, { redirect_uri })).status).toBe(200)
  })

  test("need not be named where there is one alone", async () => {
    const search = query({ client_id: agentId("second"), redirect_uri: undefined, scope: "files.*:read" })
    const back = sentTo(await allow(search, await signedIn()))
    expect(back.origin + back.pathname).toBe("https://second.test/callback")
  })
})

describe("an answer", () => {
  const refusedHere = async (said: Response): Promise<void> => {
    expect([said.status, said.headers.has("location")]).toEqual([403, false])
    // It did not come from our page: the program that the URL names has nothing to do with it, and gets no word of it.
    expect(await said.text()).toContain("You were not redirected.")
    const record = await recordOf(said.headers.get("x-narrowgate-decision") ?? "")
    expect(record).toMatchObject({ decision: "deny", denial: { reason: "form_refused" }, operator: `${IDP}|alice` })
  }

  test.each<readonly [string, (form: URLSearchParams) => void, Readonly<Record<string, string>>]>([
    ["without the page's own token", (form) => form.delete("csrf"), { origin: US }],
    ["with another token", (form) => form.set("csrf", "x".repeat(43)), { origin: US }],
    ["with two tokens", (form) => form.append("csrf", "x"), { origin: US }],
    ["from elsewhere", () => undefined, { origin: "https://evil.test" }],
    ["from elsewhere on the site", () => undefined, { origin: US, "sec-fetch-site": "same-site" }],
    ["from nowhere", () => undefined, { origin: "null" }],
    ["without an origin", () => undefined, {}],
    ["that says nothing", (form) => form.delete("decision"), { origin: US }],
    ["that says something else", (form) => form.set("decision", "maybe"), { origin: US }],
    ["with a number of calls that is none", (form) => form.set("calls", "-1"), { origin: US }],
    ["with a life that is none", (form) => form.set("life", "1e9"), { origin: US }],
  ])("%s counts for nothing", async (_what, change, headers) => {
    const alice = await signedIn()
    const form = await formOf(query(), alice)
    form.set("decision", "allow")
    change(form)
    await refusedHere(await answer(query(), alice, form, headers))
  })

  test("of another's session counts for nothing", async () => {
    const [alice, bob] = [await signedIn(), await signedIn("bob")]
    const form = await formOf(query(), bob)
    form.set("decision", "allow")
    await refusedHere(await answer(query(), alice, form))
  })

  test("only ever takes away: tools, calls and life that were not shown are not had", async () => {
    const code = await codeFor({ scope: "files.list:read", purpose: "errand" }, (form) => {
      for (const more of ["*", "files.*", "*:write", "files.write", "vault.read", "mail.send"])
        form.append("keep", more)
      form.set("calls", "999999")
      form.set("life", "99999999")
      form.set("scope", "*:write")
    })
    expect((await redeem(code)).issued?.scope).toBe("files.list:read")
    const { calls, opened_at, expires_at } = await viewOf(taskOf(code))
    expect(calls.limit).toBe(5)
    expect(expires_at - opened_at).toBeLessThanOrEqual(120_000)
  })

  test("that leaves nothing, or is about what has changed since, is asked for once more", async () => {
    const alice = await signedIn()
    const nothing = await allow(query(), alice, (form) => form.delete("keep"))
    expect([nothing.status, await nothing.text()]).toEqual([200, expect.stringContaining("Select at least one tool")])
    const form = await formOf(query({ purpose: "errand", scope: undefined }), alice)
    form.set("decision", "allow")
    const body = await yard()
    const wider = body.purposes.map((each) => (each.name === "errand" ? { ...each, default: ["files.*:read"] } : each))
    await publish({ ...body, purposes: wider }, 2)
    forgetCaches()
    const again = await answer(query({ purpose: "errand", scope: undefined }), alice, form)
    expect([again.status, await again.text()]).toEqual([
      200,
      expect.stringContaining("has changed since you opened this page"),
    ])
  })
})

test("a program that is stopped is told so, and nobody is asked, nor sent to sign in for it", async () => {
  const form = await formOf(query(), await signedIn())
  form.set("decision", "allow")
  await stop({ kind: "agent", agent: agentId("first") })
  const alice = await signedIn()
  form.set("csrf", alice.csrf)
  for (const said of [await visit(query(), null), await visit(query(), alice), await answer(query(), alice, form)]) {
    const back = sentTo(said)
    expect([said.status, back.origin + back.pathname]).toEqual([303, CALLBACK])
    expect([back.searchParams.get("error"), back.searchParams.has("code")]).toEqual(["unauthorized_client", false])
    const record = await recordOf(said.headers.get("x-narrowgate-decision") ?? "")
    expect(record).toMatchObject({ denial: { reason: "stopped", claimed_client: agentId("first") }, chain: [] })
  }
})

test("a request that nobody could come back to from the sign-in is told so before they leave", async () => {
  const said = await visit(query({ state: "s".repeat(2_048), unknown: "u".repeat(1_000) }), null)
  expect([said.status, said.headers.has("location")]).toEqual([400, false])
  const record = await recordOf(said.headers.get("x-narrowgate-decision") ?? "")
  expect(record).toMatchObject({ denial: { reason: "request_malformed", what: "its URL is too long" } })
})

describe("whoever", () => {
  const signInAgain = async (said: Response): Promise<void> => {
    expect([said.status, said.headers.get("location")?.startsWith("/sign-in?return=")]).toEqual([303, true])
  }

  test("signed in a while ago does it again", async () => {
    await signInAgain(await visit(query(), await signedIn("alice", { ago: 301_000 })))
    expect((await visit(query(), await signedIn("alice", { ago: 299_000 }))).status).toBe(200)
    const late = await signedIn("alice", { ago: 901_000 })
    const form = new URLSearchParams({ csrf: late.csrf, decision: "allow" })
    await signInAgain(await answer(query(), late, form))
  })

  test.each([
    ["an app's session", { client: "app" }],
    ["another audience's token", { claims: { aud: "https://other.test" } }],
    ["a provider's token that has expired", { claims: { exp: 1_000_000_000 } }],
  ])("comes with %s is nobody here", async (_what, signingIn) => {
    const justNow = await visit(query(), await signedIn("alice", signingIn))
    expect([justNow.status, justNow.headers.has("location")]).toEqual([403, false])
    const record = await recordOf(justNow.headers.get("x-narrowgate-decision") ?? "")
    expect(record).toMatchObject({ denial: { reason: "person_refused", claimed_client: agentId("first") }, chain: [] })
    await signInAgain(await visit(query(), await signedIn("alice", { ...signingIn, ago: 60_000 })))
  })

  test("is stopped agrees to nothing, before or after they were shown it", async () => {
    const alice = await signedIn()
    const form = await formOf(query(), alice)
    form.set("decision", "allow")
    const stop = { user: `${IDP}|alice`, confirm: true }
    expect((await manage("POST", "/v1/revocations", await bearerOf("operator"), {}, stop)).status).toBe(200)
    for (const said of [await visit(query(), alice), await answer(query(), alice, form)]) {
      expect([said.status, said.headers.has("location")]).toEqual([403, false])
    }
  })

  test("is stopped after they agreed: no token is issued, and none opens anything", async () => {
    const code = await codeFor()
    const stop = { user: `${IDP}|alice`, confirm: true }
    expect((await manage("POST", "/v1/revocations", await bearerOf("operator"), {}, stop)).status).toBe(200)
    expect((await redeem(code)).refused?.error).toBe("unauthorized_client")
  })

  test("was signed in before a switch neither sees nor agrees to anything, nor has what they agreed to", async () => {
    const now = Math.floor(Date.now() / 1000)
    const early = async () => signedIn("alice", { claims: { iat: now - 600 } })
    const code = sentTo(await allow(query(), await early())).searchParams.get("code") ?? ""
    const form = await formOf(query(), await early())
    form.set("decision", "allow")
    await stop({ kind: "user", user: `${IDP}|alice` }, (now - 300) * 1000)
    const old = await early()
    form.set("csrf", old.csrf)
    for (const said of [await visit(query(), old), await answer(query(), old, form)]) {
      expect([said.status, said.headers.has("location")]).toEqual([403, false])
      const record = await recordOf(said.headers.get("x-narrowgate-decision") ?? "")
      expect(record).toMatchObject({ denial: { reason: "stopped" } })
    }
    expect((await redeem(code)).refused?.error).toBe("unauthorized_client")
    expect((await redeem(await codeFor())).status).toBe(200)
  })

  // People go by their address at this provider: to whoever stops somebody by their subject it is the same login.
  test.each([`${IDP}|alice`, `${IDP}|al@example.org`])("is stopped by whichever of their names: %s", async (user) => {
    await publish(byAddress(await yard()), 2)
    forgetCaches()
    const alice = await signedIn("alice", { claims: { email: "al@example.org" } })
    expect((await visit(query(), alice)).status).toBe(200)
    await stop({ kind: "user", user })
    forgetCaches()
    const said = await visit(query(), alice)
    expect([said.status, said.headers.has("location")]).toEqual([403, false])
    const record = await recordOf(said.headers.get("x-narrowgate-decision") ?? "")
    expect(record).toMatchObject({ denial: { reason: "stopped" } })
  })

  test("may allow nothing of it is told so; the program does not learn who they are, nor what they may do", async () => {
    const search = query({ scope: "safe.burn:execute" })
    const said = await visit(search, await signedIn("alice", { claims: { groups: [] } }))
    expect([said.status, said.headers.has("location")]).toEqual([403, false])
    const html = await said.text()
    expect(html).toContain("Your account cannot grant this access.")
    const [, back = ""] = /<a class="button" href="([^"]*)">/.exec(html) ?? []
    const { origin, pathname, searchParams } = new URL(back.replaceAll("&amp;", "&"))
    expect(origin + pathname).toBe(CALLBACK)
    expect(Object.fromEntries(searchParams)).toEqual({ error: "access_denied", state: "the state", iss: US })
    const record = await recordOf(said.headers.get("x-narrowgate-decision") ?? "")
    expect(record).toMatchObject({ kind: "approval", denial: { reason: "nothing_left" }, operator: `${IDP}|alice` })
  })
})
