/** A session at our own pages: whose it is, how long, and what is none. */
import { env } from "cloudflare:workers"
import { evictDurableObject, listDurableObjectIds, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test"
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest"
import { publish, yard } from "../harness/bundles.ts"
import { visitorAs } from "../harness/browsing.ts"
import { knock } from "../harness/door.ts"
import { freshIsolate } from "../harness/isolate.ts"
import { US } from "../harness/issuers.ts"
import { bearerOf, manage } from "../harness/management.ts"

const INBOX = "/console/approvals"
const SIGN_IN = "/sign-in?return=%2Fconsole%2Fapprovals"

beforeEach(async () => {
  await publish(await yard())
})
afterEach(freshIsolate)
afterEach(() => {
  vi.useRealTimers()
})

const visit = async (cookie: string): Promise<Response> =>
  knock(new Request(US + INBOX, { headers: { cookie }, redirect: "manual" }))

/** Everything that is in the storage of sessions, as text. */
async function kept(): Promise<string> {
  const ids = await listDurableObjectIds(env.SESSION)
  const all = ids.map(async (id) =>
    runInDurableObject(env.SESSION.get(id), (_object, { storage }) =>
      Array.from(storage.kv.list(), (entry) => JSON.stringify(entry)).join("\n"),
    ),
  )
  return (await Promise.all(all)).join("")
}

describe("a session", () => {
  test("shows its person their pages, also after its object was evicted", async () => {
    const { get } = await visitorAs("operator")
    for (const id of await listDurableObjectIds(env.SESSION)) {
      const session = env.SESSION.get(id)
      // Only what runs can be evicted, and those of other tests may not.
      await runInDurableObject(session, () => undefined)
      await evictDurableObject(session)
    }
    const answer = await get(INBOX)
    expect(answer.status).toBe(200)
    expect(await answer.text()).toContain("operator")
  })

  test("tells who reads its storage no token", async () => {
    const { cookie } = await visitorAs("operator")
    const [, secret = ""] = cookie.split("=")
    const stored = await kept()
    expect(stored).toContain("sealed")
    // Of a JWT every part begins like this.
    expect(stored.replaceAll(/"eyJ[\w-]+\.\.[\w-]+\.[\w-]+\.[\w-]+"/g, "")).not.toContain("eyJ")
    expect(stored).not.toContain(secret)
  })

  test("ends with the token that it holds, and nothing of it is kept", async () => {
    const { get } = await visitorAs("operator", {}, 60_000)
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 61_000 })
    expect((await get(INBOX)).headers.get("location")).toBe(SIGN_IN)
    expect(await kept()).toContain("sealed")
    for (const id of await listDurableObjectIds(env.SESSION)) await runDurableObjectAlarm(env.SESSION.get(id))
    expect(await kept()).toBe("")
  })

  test("is none with a token that no door of the API takes, of an app that agents have sessions of", async () => {
    const { get } = await visitorAs("operator", { claims: { client_id: "app" } })
    expect((await get(INBOX)).headers.get("location")).toBe(SIGN_IN)
  })

  test("of a person who was stopped shows nothing", async () => {
    const { get } = await visitorAs("operator")
    const stop = { user: "https://idp.test|operator" }
    expect((await manage("POST", "/v1/revocations", await bearerOf("operator"), {}, stop)).status).toBe(200)
    expect((await get(INBOX)).status).toBe(401)
  })

  const SECRETS: readonly (readonly [what: string, cookie: (good: string) => string])[] = [
    ["that is not there", () => ""],
    ["whose secret is another", () => `__Host-narrowgate=${"A".repeat(43)}`],
    ["whose secret is cut", (good) => good.slice(0, -1)],
    ["whose secret is longer", (good) => `${good}A`],
    ["under another name", (good) => good.replace("__Host-", "")],
    ["with something before it", (good) => good.replace("=", "=x")],
  ]
  test.for(SECRETS)("is none %s", async ([, cookie]) => {
    const good = await visitorAs("operator")
    expect((await visit(good.cookie)).status).toBe(200)
    const answer = await visit(cookie(good.cookie))
    expect([answer.status, answer.headers.get("location")]).toEqual([303, SIGN_IN])
  })
})

describe("signing out", () => {
  const signOut = async (cookie: string, origin: string, body = ""): Promise<Response> => {
    const headers = { ...(cookie !== "" && { cookie }), origin, "content-type": "application/x-www-form-urlencoded" }
    return knock(new Request(`${US}/sign-out`, { method: "POST", headers, body }))
  }

  test("takes no cookie from a browser that was sent here by another page, which comes without it", async () => {
    const { cookie, csrf } = await visitorAs("operator")
    const sent = await signOut("", "https://evil.example")
    expect(sent.headers.getSetCookie()).toEqual([])
    const forged = await signOut(cookie, "https://evil.example", `csrf=${csrf}`)
    expect([forged.status, forged.headers.getSetCookie()]).toEqual([403, []])
    expect((await visit(cookie)).status).toBe(200)
    const own = await signOut(cookie, US, `csrf=${csrf}`)
    expect(own.headers.getSetCookie()).toEqual([expect.stringContaining("__Host-narrowgate=; Max-Age=0")])
    // What is over is taken away as well.
    expect((await signOut(cookie, US)).headers.getSetCookie()).toHaveLength(1)
  })
})
