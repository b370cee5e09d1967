import { exportJWK, generateKeyPair } from "jose"
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest"
import { clientDocument, forgetClientDocuments } from "../../src/credentials/client-document.ts"
import type { FetchContext } from "../../src/credentials/key-sets/key-set.ts"
import { Place, type Answer } from "../harness/places.ts"

const START = 1_800_000_000_000
const MINUTE = 60_000
const HOUR = 60 * MINUTE

const at = (now: number, local = true): FetchContext => ({ now, local, background: () => undefined })
const JSON_TYPE = { "content-type": "application/json" }
const KEYS = { jwks: { keys: [{ kty: "EC" }] } }
const METHOD = "its token_endpoint_auth_method cannot be used"
const REDIRECTS = ["http://127.0.0.1/callback"]

type Members = Readonly<Record<string, unknown>>
async function says(place: Place, members: Members = {}, answer: Answer = {}): Promise<void> {
  const json = { client_id: place.uri, redirect_uris: REDIRECTS, ...members }
  await place.answers({ headers: JSON_TYPE, json, ...answer })
}

const documentOf = async (place: Place, now: number) => clientDocument(place.uri, at(now))

/** With what goes on after the answer. */
async function settled<Value>(work: (background: FetchContext["background"]) => Promise<Value>): Promise<Value> {
  const all: Promise<unknown>[] = []
  const value = await work((promise) => void all.push(promise))
  for (let count = 0; count < all.length; count++) await all[count]
  return value
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
    expect(all.every((each) => "redirectUris" in each)).toBe(true)
    await clientDocument(place.uri, at(START + 4 * MINUTE))
    expect(await place.asked()).toBe(1)
    await says(place, { redirect_uris: ["https://app.test/moved"] })
    expect(await documentOf(place, START + 6 * MINUTE)).toMatchObject({ redirectUris: ["https://app.test/moved"] })
    expect(await place.asked()).toBe(2)
  })

  test.each<readonly [string, Answer]>([
    ["answers 500", { status: 500 }],
    ["answers 503", { status: 503 }],
    ["is asked too often", { status: 429 }],
  ])("serves for a day where its host %s, and no longer", async (_what, answer) => {
    const place = new Place()
    await says(place)
    await documentOf(place, START)
    await place.answers(answer)
    for (const hours of [0.2, 1, 12, 23.9]) {
      expect(await documentOf(place, START + hours * HOUR), `${hours} h`).toMatchObject({ redirectUris: REDIRECTS })
    }
    expect(await documentOf(place, START + 24 * HOUR)).toEqual({ problem: "its host is out of order", isDown: true })
  })

  test("serves where its host cannot be reached at all, and is renewed as soon as it can", async () => {
    const place = new Place()
    await says(place)
    await documentOf(place, START)
    const down = vi.spyOn(globalThis, "fetch").mockRejectedValue(new Error("no route, by a test"))
    expect(await documentOf(place, START + 10 * HOUR)).toMatchObject({ redirectUris: REDIRECTS })
    down.mockRestore()
    await says(place, { redirect_uris: ["https://app.test/moved"] })
    expect(await documentOf(place, START + 11 * HOUR)).toMatchObject({ redirectUris: ["https://app.test/moved"] })
  })

  test("serves an isolate that has never seen it, from another of its data centre", async () => {
    const place = new Place()
    await says(place)
    const now = Date.now()
    await settled(async (background) => clientDocument(place.uri, { ...at(now), background }))
    await place.answers({ status: 500 })
    forgetClientDocuments()
    expect(await documentOf(place, now + HOUR)).toMatchObject({ redirectUris: REDIRECTS })
    forgetClientDocuments()
    expect(await documentOf(place, now + 24 * HOUR)).toMatchObject({ isDown: true })
  })

  test("serves nobody any more once its host has answered with something else, also where it is down later", async () => {
    const others: readonly (readonly [Members, Answer])[] = [
      [{}, { status: 404 }],
      [{}, { status: 410 }],
      [{}, { status: 302, headers: { ...JSON_TYPE, location: "https://app.test/" } }],
      [{ client_id: "https://other.test/client" }, {}],
      [{ client_secret: "s" }, {}],
      [{ more: "x".repeat(11_000) }, {}],
      [{}, { body: "<html>" }],
    ]
    for (const [members, answer] of others) {
      const place = new Place()
      await says(place)
      const now = Date.now()
      await settled(async (background) => clientDocument(place.uri, { ...at(now), background }))
      await says(place, members, answer)
      const refused = settled(async (background) => clientDocument(place.uri, { ...at(now + 6 * MINUTE), background }))
      expect(await refused).toMatchObject({ isDown: false })
      await place.answers({ status: 500 })
      expect(await documentOf(place, now + 10 * MINUTE)).toMatchObject({ isDown: false })
      forgetClientDocuments()
      expect(await documentOf(place, now + 11 * MINUTE)).toMatchObject({ isDown: true })
    }
  })

  test("names keys, by which its client then has to prove itself", async () => {
    const { publicKey } = await generateKeyPair("ES256", { extractable: true })
    const jwks = { keys: [await exportJWK(publicKey)] }
    const [inline, elsewhere] = [new Place(), new Place()]
    await says(inline, { token_endpoint_auth_method: "private_key_jwt", jwks })
    await says(elsewhere, { token_endpoint_auth_method: "private_key_jwt", jwks_uri: "https://app.test/keys" })
    expect(await documentOf(inline, START)).toMatchObject({ identity: { keys: { kind: "inline", jwks } } })
    expect(await documentOf(elsewhere, START)).toMatchObject({
      identity: { keys: { kind: "jwks_uri", uri: "https://app.test/keys" } },
    })
  })

  test.each<readonly [string, Members, Answer, string]>([
    ["of another client", { client_id: "https://other.test/client" }, {}, "it names another client's id"],
    ["of no client", { client_id: undefined }, {}, "its client_id cannot be used"],
    ["with a secret", { client_secret: "s" }, {}, "it has a secret"],
    ["with a secret that expires", { client_secret_expires_at: 0 }, {}, "it has a secret"],
    ["that wants a secret", { token_endpoint_auth_method: "client_secret_basic", ...KEYS }, {}, METHOD],
    ["that wants a secret in its assertions", { token_endpoint_auth_method: "client_secret_jwt", ...KEYS }, {}, METHOD],
    ["that has no keys to prove itself by", { token_endpoint_auth_method: "private_key_jwt" }, {}, "no keys to prove"],
    ["with a private key", { jwks: { keys: [{ kty: "EC", d: "x" }] } }, {}, "its jwks cannot be used"],
    ["with a shared key", { jwks: { keys: [{ kty: "oct", k: "x" }] } }, {}, "its jwks cannot be used"],
    ["with keys in two places", { ...KEYS, jwks_uri: "https://app.test/keys" }, {}, "keys come from one place"],
    ["without redirect URIs", { redirect_uris: [] }, {}, "its redirect_uris cannot be used"],
    ["for other grants", { grant_types: ["client_credentials"] }, {}, "its grant_types cannot be used"],
    ["for other responses", { response_types: ["token"] }, {}, "its response_types cannot be used"],
    ["that is huge", { more: "x".repeat(11_000) }, {}, "longer than 10240 bytes"],
    ["that is a redirect", {}, { status: 302, headers: { ...JSON_TYPE, location: "https://app.test/" } }, "a redirect"],
    ["that is an error", {}, { status: 404 }, "status 404"],
    ["that is no JSON", {}, { body: "<html>" }, "not JSON"],
    ["that says something twice", {}, { body: '{"client_id":"a","client_id":"b"}' }, "not JSON"],
    ["that is served as something else", {}, { headers: { "content-type": "text/html" } }, "not served as JSON"],
  ])("%s is none, and it is said why", async (_what, members, answer, why) => {
    const place = new Place()
    await says(place, members, answer)
    expect(await documentOf(place, START)).toEqual({ problem: expect.stringContaining(why), isDown: false })
    expect(await place.asked()).toBe(1)
  })

  test("is not looked for elsewhere, wherever its place sends us", async () => {
    const [place, elsewhere] = [new Place(), new Place()]
    const json = { client_id: place.uri, redirect_uris: ["https://evil.test/callback"] }
    await elsewhere.answers({ headers: JSON_TYPE, json })
    for (const status of [301, 302, 303, 307, 308]) {
      forgetClientDocuments()
      await place.answers({ status, headers: { ...JSON_TYPE, location: elsewhere.uri }, json })
      expect(await documentOf(place, START)).toEqual({ problem: "it is a redirect", isDown: false })
    }
    expect(await place.asked()).toBe(5)
    expect(await elsewhere.asked()).toBe(0)
  })

  test("that does not come in time is none", { timeout: 15_000 }, async () => {
    const place = new Place()
    await says(place, {}, { delay: 6_000 })
    expect(await documentOf(place, START)).toMatchObject({ isDown: true })
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
    expect(await clientDocument(id, at(START))).toEqual({ problem: "its URL may not be fetched", isDown: false })
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
    expect(await clientDocument(place.uri, at(START, false))).toMatchObject({ problem: "its URL may not be fetched" })
    expect(await place.asked()).toBe(0)
  })

  test("shows nothing by its name that is not seen", async () => {
    const place = new Place()
    await says(place, { client_name: `\u202EevilApp\n\u200B${"x".repeat(100)}` })
    const document = await documentOf(place, START)
    expect("name" in document && document.name).toMatch(/^evilApp x{70,73}…$/)
  })
})
