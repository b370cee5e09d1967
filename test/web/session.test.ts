/** A session at our own pages: whose it is, how long, and what is none. */
import { env } from "cloudflare:workers"
import { evictDurableObject, listDurableObjectIds, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test"
import { compactDecrypt } from "jose"
import { afterEach, describe, expect, test, vi } from "vitest"
import { sha256Base64url } from "../../src/core/encoding/hash.ts"
import { visitorAs } from "../harness/browsing.ts"
import { knock } from "../harness/door.ts"
import { yardForEach } from "../harness/each-test.ts"
import { US } from "../harness/issuers.ts"
import { bearerOf, manage } from "../harness/management.ts"

const INBOX = "/console/approvals"
const SIGN_IN = "/sign-in?return=%2Fconsole%2Fapprovals"

yardForEach()
afterEach(() => {
  vi.useRealTimers()
  vi.restoreAllMocks()
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

  test("ends by the clock of who reads it, and by that of who keeps it", async () => {
    const named = vi.spyOn(env.SESSION, "getByName")
    const { cookie } = await visitorAs("operator", {}, 60_000)
    const kept = env.SESSION.getByName(named.mock.calls[0]?.[0] ?? "")
    const sealed = await kept.read()
    expect(sealed).not.toBeNull()
    vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + 61_000 })
    expect(await kept.read()).toBeNull()
    // Who keeps it may have a clock that is behind.
    await runInDurableObject(kept, (_object, { storage }) => {
      storage.kv.put("sealed", { sealed, until: Date.now() + 60_000 })
    })
    expect(await kept.read()).toBe(sealed)
    expect((await visit(cookie)).headers.get("location")).toBe(SIGN_IN)
    vi.useRealTimers()
    expect((await visit(cookie)).status).toBe(200)
  })

  test("is opened by its secret alone: not by what its object is called, nor by what its forms bring", async () => {
    const named = vi.spyOn(env.SESSION, "getByName")
    const { cookie, csrf } = await visitorAs("operator")
    const [, secret = ""] = cookie.split("=")
    const names = new Set(named.mock.calls.map(([name]) => name))
    expect(names.size).toBe(1)
    const [name = ""] = names
    const sealed = (await env.SESSION.getByName(name).read()) ?? ""
    const key = (text: string): Uint8Array => Uint8Array.fromBase64(text, { alphabet: "base64url" })
    const opened = await compactDecrypt(sealed, key(sha256Base64url(`seal ${secret}`)))
    expect(new TextDecoder().decode(opened.plaintext)).toContain('"token":"eyJ')
    for (const other of [Uint8Array.fromHex(name), key(csrf), key(secret)]) {
      await expect(compactDecrypt(sealed, other)).rejects.toThrow("decryption operation failed")
    }
  })

  test("is none with a token that no door of the API takes, of an app that agents have sessions of", async () => {
    const { get } = await visitorAs("operator", { claims: { client_id: "app" } })
    expect((await get(INBOX)).headers.get("location")).toBe(SIGN_IN)
  })

  test("of a person who was stopped shows nothing", async () => {
    const { get } = await visitorAs("operator")
    const stop = { user: "https://idp.test|operator", confirm: true }
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

  test("of which the cookie can hold no secret is not looked for, nor ended", async () => {
    const { cookie } = await visitorAs("operator")
    const named = vi.spyOn(env.SESSION, "getByName")
    for (const odd of [cookie.slice(0, -1), `${cookie}A`, cookie.replace("=", "=%20"), "__Host-narrowgate=x"]) {
      expect((await visit(odd)).headers.get("location")).toBe(SIGN_IN)
      const headers = { cookie: odd, origin: US }
      expect((await knock(new Request(`${US}/sign-out`, { method: "POST", headers }))).status).toBe(200)
    }
    expect(named).not.toHaveBeenCalled()
    expect((await visit(cookie)).status).toBe(200)
    expect(named).toHaveBeenCalledOnce()
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
