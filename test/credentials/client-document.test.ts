import { exportJWK, generateKeyPair } from "jose"
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest"
import { clientDocument, forgetClientDocuments } from "../../src/credentials/client-document.ts"
import type { FetchContext } from "../../src/credentials/key-sets/key-set.ts"
import { Place, type Answer } from "../harness/places.ts"

const START = 1_800_000_000_000
const MINUTE = 60_000

const at = (now: number, local = true): FetchContext => ({ now, local, background: () => undefined })
const JSON_TYPE = { "content-type": "application/json" }
const KEYS = { jwks: { keys: [{ kty: "EC" }] } }
const REDIRECTS = ["http://127.0.0.1/callback"]

type Members = Readonly<Record<string, unknown>>
async function says(place: Place, members: Members = {}, answer: Answer = {}): Promise<void> {
  const json = { client_id: place.uri, redirect_uris: REDIRECTS, ...members }
  await place.answers({ headers: JSON_TYPE, json, ...answer })
}

beforeEach(() => {
  forgetClientDocuments()
})
afterEach(() => {
  vi.restoreAllMocks()
})

describe("a Client ID Metadata Document", () => {
  test("says where codes may be sent, and what its client calls itself", async () => {
    const place = new Place()
    await says(place, { client_name: "Notes", logo_uri: "https://evil.test/logo", unknown: {} })
    expect(await clientDocument(place.uri, at(START))).toEqual({
      name: "Notes",
      redirectUris: REDIRECTS,
      identity: null,
    })
  })

  test("is asked for once by many, and again after minutes", async () => {
    const place = new Place()
    await says(place, {}, { delay: 50 })
    const all = await Promise.all(Array.from({ length: 30 }, async () => clientDocument(place.uri, at(START))))
    expect(all.every((each) => each !== null)).toBe(true)
    await clientDocument(place.uri, at(START + 4 * MINUTE))
    expect(await place.asked()).toBe(1)
    await says(place, { redirect_uris: ["https://app.test/moved"] })
    const moved = await clientDocument(place.uri, at(START + 6 * MINUTE))
    expect(moved?.redirectUris).toEqual(["https://app.test/moved"])
    expect(await place.asked()).toBe(2)
  })

  test("that is gone says nothing any more, soon after", async () => {
    const place = new Place()
    await says(place)
    await clientDocument(place.uri, at(START))
    await place.answers({ status: 404 })
    expect(await clientDocument(place.uri, at(START + 10 * MINUTE))).not.toBeNull()
    expect(await clientDocument(place.uri, at(START + 16 * MINUTE))).toBeNull()
  })

  test("names keys, by which its client then has to prove itself", async () => {
    const { publicKey } = await generateKeyPair("ES256", { extractable: true })
    const jwks = { keys: [await exportJWK(publicKey)] }
    const [inline, elsewhere] = [new Place(), new Place()]
    await says(inline, { token_endpoint_auth_method: "private_key_jwt", jwks })
    await says(elsewhere, { token_endpoint_auth_method: "private_key_jwt", jwks_uri: "https://app.test/keys" })
    expect((await clientDocument(inline.uri, at(START)))?.identity).toMatchObject({ keys: { kind: "inline", jwks } })
    expect((await clientDocument(elsewhere.uri, at(START)))?.identity).toMatchObject({
      keys: { kind: "jwks_uri", uri: "https://app.test/keys" },
    })
  })

  test.each<readonly [string, Members, Answer]>([
    ["of another client", { client_id: "https://other.test/client" }, {}],
    ["of no client", { client_id: undefined }, {}],
    ["with a secret", { client_secret: "s" }, {}],
    ["with a secret that expires", { client_secret_expires_at: 0 }, {}],
    ["that wants a secret", { token_endpoint_auth_method: "client_secret_basic", ...KEYS }, {}],
    ["that wants a secret in its assertions", { token_endpoint_auth_method: "client_secret_jwt", ...KEYS }, {}],
    ["that has no keys to prove itself by", { token_endpoint_auth_method: "private_key_jwt" }, {}],
    ["with a private key", { jwks: { keys: [{ kty: "EC", d: "x" }] } }, {}],
    ["with a shared key", { jwks: { keys: [{ kty: "oct", k: "x" }] } }, {}],
    ["with keys in two places", { ...KEYS, jwks_uri: "https://app.test/keys" }, {}],
    ["without redirect URIs", { redirect_uris: [] }, {}],
    ["for other grants", { grant_types: ["client_credentials"] }, {}],
    ["for other responses", { response_types: ["token"] }, {}],
    ["that is huge", { more: "x".repeat(11_000) }, {}],
    ["that is a redirect", {}, { status: 302, headers: { ...JSON_TYPE, location: "https://app.test/" } }],
    ["that is an error", {}, { status: 500 }],
    ["that is no JSON", {}, { body: "<html>" }],
    ["that says something twice", {}, { body: '{"client_id":"a","client_id":"b"}' }],
    ["that is served as something else", {}, { headers: { "content-type": "text/html" } }],
  ])("%s is none", async (_what, members, answer) => {
    const place = new Place()
    await says(place, members, answer)
    expect(await clientDocument(place.uri, at(START))).toBeNull()
    expect(await place.asked()).toBe(1)
  })

  test("is not looked for elsewhere, wherever its place sends us", async () => {
    const [place, elsewhere] = [new Place(), new Place()]
    const json = { client_id: place.uri, redirect_uris: ["https://evil.test/callback"] }
    await elsewhere.answers({ headers: JSON_TYPE, json })
    for (const status of [301, 302, 303, 307, 308]) {
      forgetClientDocuments()
      await place.answers({ status, headers: { ...JSON_TYPE, location: elsewhere.uri }, json })
      expect(await clientDocument(place.uri, at(START))).toBeNull()
    }
    expect(await place.asked()).toBe(5)
    expect(await elsewhere.asked()).toBe(0)
  })

  test("that does not come in time is none", { timeout: 15_000 }, async () => {
    const place = new Place()
    await says(place, {}, { delay: 6_000 })
    expect(await clientDocument(place.uri, at(START))).toBeNull()
  })

  test.each([
    "https://10.0.0.1/client",
    "https://169.254.169.254/client",
    "https://[fd00::1]/client",
    "https://intranet/client",
    "https://db.internal/client",
    "https://user@app.test/client",
    "http://app.test/client",
  ])("at %s is not asked for", async (id) => {
    const json = { client_id: id, redirect_uris: REDIRECTS }
    const fetching = vi
      .spyOn(globalThis, "fetch")
      .mockImplementation(async () => Response.json(json, { headers: JSON_TYPE }))
    expect(await clientDocument(id, at(START))).toBeNull()
    expect(fetching).not.toHaveBeenCalled()
  })

  test("elsewhere on the web is", async () => {
    const id = "https://app.test/client"
    const json = { client_id: id, redirect_uris: REDIRECTS }
    vi.spyOn(globalThis, "fetch").mockImplementation(async () => Response.json(json, { headers: JSON_TYPE }))
    expect(await clientDocument(id, at(START, false))).toMatchObject({ redirectUris: REDIRECTS })
  })

  test("on loopback is asked for in the local stack only", async () => {
    const place = new Place()
    await says(place)
    expect(await clientDocument(place.uri, at(START, false))).toBeNull()
    expect(await place.asked()).toBe(0)
  })

  test("shows nothing by its name that is not seen", async () => {
    const place = new Place()
    await says(place, { client_name: `\u202EevilApp\n\u200B${"x".repeat(100)}` })
    const document = await clientDocument(place.uri, at(START))
    expect(document?.name).toMatch(/^evilApp x{70,73}…$/)
  })
})
