import { exportJWK, generateKeyPair, type JWK } from "jose"
import { beforeEach, describe, expect, test } from "vitest"
import { findKey, forgetKeySets, type KeyOwner, type FetchContext } from "../../../src/credentials/key-sets/key-set.ts"
import { readShared, writeShared } from "../../../src/credentials/key-sets/shared-cache.ts"
import { Place, type Answer } from "../../harness/places.ts"

const START = 1_800_000_000_000
const SECOND = 1_000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE

async function publicKey(kid: string | undefined, more: JWK = { kty: "EC" }): Promise<JWK> {
  const { publicKey } = await generateKeyPair("ES256", { extractable: true })
  return { ...(await exportJWK(publicKey)), ...(kid === undefined ? {} : { kid }), ...more, kty: "EC" }
}

let work: Promise<unknown>[] = []
const at = (now: number, local = true): FetchContext => ({ now, local, background: (promise) => work.push(promise) })
const ownerOf = (place: Place, kind: "jwks_uri" | "spiffe_bundle" = "jwks_uri"): KeyOwner => ({
  id: "issuer",
  keys: { kind, uri: place.uri },
  algorithms: ["ES256"],
})

async function look(owner: KeyOwner, kid: string | null, now = START, local = true): Promise<string> {
  const found = await findKey(owner, kid, "ES256", at(now, local))
  return "key" in found ? "key" : `no ${found.missing}`
}

beforeEach(() => {
  forgetKeySets()
  work = []
})

describe("a key set", () => {
  test("is fetched once, and a warm one takes no network", async () => {
    const place = new Place()
    await place.serves(await publicKey("a"))
    for (let index = 0; index < 200; index++)
      expect(await look(ownerOf(place), "a", START + index * SECOND)).toBe("key")
    expect(await place.asked()).toBe(1)
  })

  test("is fetched once by many that ask at the same time", async () => {
    const place = new Place()
    await place.answers({ json: { keys: [await publicKey("a")] }, delay: 100 })
    const found = await Promise.all(Array.from({ length: 50 }, async () => look(ownerOf(place), "a")))
    expect(new Set(found)).toEqual(new Set(["key"]))
    expect(await place.asked()).toBe(1)
  })

  test("that is rotated is followed without a failed call", async () => {
    const place = new Place()
    await place.serves(await publicKey("a"))
    expect(await look(ownerOf(place), "a")).toBe("key")
    await place.serves(await publicKey("b"))
    expect(await look(ownerOf(place), "b", START + SECOND)).toBe("key")
    expect(await look(ownerOf(place), "a", START + SECOND)).toBe("no key")
  })

  test.each([
    ["with keys", ["a"]],
    ["that is empty", []],
  ])("%s is asked again for unknown keys once in a cooldown", async (_what, kids) => {
    const place = new Place()
    await place.serves(...(await Promise.all(kids.map(async (kid) => publicKey(kid)))))
    for (let forged = 0; forged < 40; forged++) {
      expect(await look(ownerOf(place), `forged-${forged}`, START + forged)).toBe("no key")
    }
    const before = await place.asked()
    expect(before).toBeLessThanOrEqual(2)
    await look(ownerOf(place), "forged", START + 6 * SECOND)
    expect(await place.asked()).toBe(before + 1)
  })

  test("that has grown old is renewed beside the calls", async () => {
    const place = new Place()
    await place.serves(await publicKey("a"))
    await look(ownerOf(place), "a")
    await place.answers({ json: { keys: [await publicKey("a"), await publicKey("b")] }, delay: 2_000 })
    const asked = Date.now()
    expect(await look(ownerOf(place), "a", START + 6 * MINUTE)).toBe("key")
    expect(Date.now() - asked).toBeLessThan(1_500)
    await Promise.all(work)
    expect(await place.asked()).toBe(2)
    expect(await look(ownerOf(place), "b", START + 6 * MINUTE)).toBe("key")
    expect(await place.asked()).toBe(2)
  })

  test("whose issuer is down works for an hour, then nothing of it does", async () => {
    const place = new Place()
    await place.serves(await publicKey("a"))
    await look(ownerOf(place), "a")
    await place.answers({ status: 503 })
    for (const later of [6 * MINUTE, 30 * MINUTE, HOUR - 1]) {
      expect(await look(ownerOf(place), "a", START + later)).toBe("key")
      await Promise.all(work)
    }
    expect(await look(ownerOf(place), "a", START + HOUR)).toBe("no keys")
    await place.serves(await publicKey("a"))
    expect(await look(ownerOf(place), "a", START + HOUR + 31 * SECOND)).toBe("key")
  })

  test("whose issuer hangs holds up one request of many, and then none while it pauses", async () => {
    const place = new Place()
    await place.serves(await publicKey("a"))
    await look(ownerOf(place), "a")
    await place.answers({ json: { keys: [] }, delay: 8_000 })
    const late = START + 11 * MINUTE
    const begun = Date.now()
    const first = look(ownerOf(place), "a", late)
    // Seen to be slow only when it has failed once: until then all wait, as they do for one that is quick.
    expect(await first).toBe("key")
    expect(Date.now() - begun).toBeGreaterThan(4_000)
    // What the request that failed arrived with is long ago when it ends; the pause is counted from then.
    const after = late + Date.now() - begun
    const asked = await place.asked()
    const quick = async (now: number): Promise<void> => {
      const start = Date.now()
      expect(await look(ownerOf(place), "a", now)).toBe("key")
      expect(Date.now() - start).toBeLessThan(1_500)
    }
    for (let index = 0; index < 50; index++) await quick(after + index)
    expect(await place.asked()).toBe(asked)
    // The pause is over: one tries again and waits, the others go on with what is held.
    const trying = look(ownerOf(place), "a", after + 2 * SECOND)
    for (let index = 0; index < 50; index++) await quick(after + 2 * SECOND + index)
    expect(await trying).toBe("key")
    expect(await place.asked()).toBe(asked + 1)
    await Promise.all(work)
  })

  test("that is being renewed beside the calls leaves no other call to wait for that", async () => {
    const place = new Place()
    await place.serves(await publicKey("a"))
    await look(ownerOf(place), "a")
    await place.answers({ json: { keys: [await publicKey("a")] }, delay: 1_000 })
    for (let index = 0; index < 20; index++) await look(ownerOf(place), "a", START + 6 * MINUTE + index)
    expect(work).toHaveLength(2)
    await Promise.all(work)
    expect(await place.asked()).toBe(2)
  })

  test("that fails again and again is asked for ever more seldom, and yet within half a minute", async () => {
    const place = new Place()
    await place.serves(await publicKey("a"))
    await look(ownerOf(place), "a")
    await place.answers({ status: 503 })
    const from = START + 6 * MINUTE
    const tries: number[] = []
    for (let second = 0; second < 180; second++) {
      await look(ownerOf(place), "a", from + second * SECOND)
      await Promise.all(work)
      if ((await place.asked()) > tries.length + 1) tries.push(second)
    }
    const pauses = tries.slice(1).map((second, index) => second - (tries[index] ?? 0))
    // And what the try itself took, begun seconds rounded up: most often some milliseconds, now and then none.
    const doubled = [1, 2, 4, 8, 16].map((pause) => expect.toBeOneOf([pause, pause + 1]))
    expect(pauses.slice(0, 5)).toEqual(doubled)
    expect(Math.max(...pauses)).toBeLessThanOrEqual(31)
  })

  test("that cannot be had is not asked for without pause", async () => {
    const place = new Place()
    await place.answers({ status: 500 })
    for (let index = 0; index < 20; index++) expect(await look(ownerOf(place), "a", START + index)).toBe("no keys")
    expect(await place.asked()).toBe(1)
  })

  test("of one isolate serves another", async () => {
    const place = new Place()
    await place.serves(await publicKey("a"))
    await look(ownerOf(place), "a")
    forgetKeySets()
    expect(await look(ownerOf(place), "a", START + SECOND)).toBe("key")
    expect(await place.asked()).toBe(1)
    // Not for longer than it would itself have relied on it.
    forgetKeySets()
    await place.answers({ status: 503 })
    expect(await look(ownerOf(place), "a", START + HOUR)).toBe("no keys")
  })

  test("without key ids serves a token without one, if it is a single key", async () => {
    const place = new Place()
    await place.serves(await publicKey(undefined))
    expect(await look(ownerOf(place), null)).toBe("key")
    await place.serves(await publicKey(undefined), await publicKey(undefined))
    forgetKeySets()
    expect(await look(ownerOf(place), null, START + 2 * HOUR)).toBe("no key")
  })

  test.each<readonly [string, JWK]>([
    ["for encryption", { kty: "EC", use: "enc" }],
    ["that is private", { kty: "EC", d: "AAAA" }],
    ["of another algorithm", { kty: "EC", alg: "ES384" }],
    ["that may not verify", { kty: "EC", key_ops: ["sign"] }],
    ["that is no point of its curve", { kty: "EC", x: "AAAA", y: "AAAA" }],
  ])("leaves out a key %s, and keeps the others", async (_what, more) => {
    const place = new Place()
    await place.serves(await publicKey("bad", more), await publicKey("good"))
    expect(await look(ownerOf(place), "good")).toBe("key")
    expect(await look(ownerOf(place), "bad", START + MINUTE)).toBe("no key")
  })

  test("with two keys of one id uses neither", async () => {
    const place = new Place()
    await place.serves(await publicKey("a"), await publicKey("a"), await publicKey("b"))
    expect(await look(ownerOf(place), "a")).toBe("no key")
    expect(await look(ownerOf(place), "b", START + MINUTE)).toBe("key")
  })
})

describe("fetching", () => {
  test.each<readonly [string, Answer]>([
    ["is too long", { body: JSON.stringify({ keys: [], padding: "a".repeat(300_000) }) }],
    ["is not JSON", { body: "keys" }],
    ["has no keys", { json: {} }],
    ["has keys that are no list", { body: '{"keys":"none"}' }],
    ["is an error", { status: 404 }],
    ["is partial", { status: 206, json: { keys: [] } }],
  ])("what %s is no key set", async (_what, answer) => {
    const place = new Place()
    await place.answers(answer)
    expect(await look(ownerOf(place), "a")).toBe("no keys")
  })

  test("redirects are not followed", async () => {
    const [place, target] = [new Place(), new Place()]
    await target.serves(await publicKey("a"))
    for (const status of [301, 302, 307, 308]) {
      await place.answers({ status, headers: { location: target.uri } })
      forgetKeySets()
      expect(await look(ownerOf(place), "a", START + status * SECOND)).toBe("no keys")
    }
    expect(await target.asked()).toBe(0)
  })

  test("a server that does not answer is given up", { timeout: 15_000 }, async () => {
    const place = new Place()
    await place.answers({ json: { keys: [await publicKey("a")] }, delay: 8_000 })
    const start = Date.now()
    expect(await look(ownerOf(place), "a")).toBe("no keys")
    expect(Date.now() - start).toBeLessThan(7_000)
  })

  test("loopback and plain HTTP are the local stack's alone", async () => {
    const place = new Place()
    await place.serves(await publicKey("a"))
    expect(await look(ownerOf(place), "a", START, false)).toBe("no keys")
    expect(await place.asked()).toBe(0)
  })
})

describe("OpenID Connect Discovery", () => {
  async function discovered(place: Place, document: object): Promise<string> {
    await place.answers({ json: document }, `${place.path}/.well-known/openid-configuration`)
    return look({ id: "idp", issuer: place.uri, keys: { kind: "discovery" }, algorithms: ["ES256"] }, "a")
  }

  test("leads to the keys", async () => {
    const [place, keys] = [new Place(), new Place()]
    await keys.serves(await publicKey("a"))
    expect(await discovered(place, { issuer: place.uri, jwks_uri: keys.uri })).toBe("key")
  })

  test("of another issuer does not", async () => {
    const [place, keys] = [new Place(), new Place()]
    await keys.serves(await publicKey("a"))
    for (const issuer of [`${place.uri}/`, "https://other.test", undefined]) {
      forgetKeySets()
      expect(await discovered(place, { issuer, jwks_uri: keys.uri })).toBe("no keys")
    }
    expect(await keys.asked()).toBe(0)
  })

  test("to a private host does not", async () => {
    const place = new Place()
    for (const uri of ["http://10.0.0.1/keys", "https://169.254.169.254/keys", "file:///etc/passwd"]) {
      forgetKeySets()
      expect(await discovered(place, { issuer: place.uri, jwks_uri: uri })).toBe("no keys")
    }
  })
})

describe("a SPIFFE bundle", () => {
  const svidKey = async (kid: string | undefined): Promise<JWK> => publicKey(kid, { kty: "EC", use: "jwt-svid" })
  const owner = (place: Place): KeyOwner => ownerOf(place, "spiffe_bundle")

  test("gives the keys for JWT-SVIDs that have an id, and no others", async () => {
    const place = new Place()
    const others = [
      await publicKey("x509", { kty: "EC", use: "x509-svid" }),
      await publicKey("none"),
      await svidKey(undefined),
    ]
    await place.answers({ json: { keys: [...others, await svidKey("a")] } })
    expect(await look(owner(place), "a")).toBe("key")
    for (const [index, kid] of ["x509", "none", null].entries()) {
      const now = START + (index + 1) * MINUTE
      // Without an id in the token, the one usable key is meant.
      expect(await look(owner(place), kid, now)).toBe(kid === null ? "key" : "no key")
    }
  })

  test("that is empty revokes all that there were", async () => {
    const place = new Place()
    await place.answers({ json: { keys: [await svidKey("a")], spiffe_sequence: 1 } })
    expect(await look(owner(place), "a")).toBe("key")
    await place.answers({ json: { keys: [], spiffe_sequence: 2 } })
    await look(owner(place), "a", START + 6 * MINUTE)
    await Promise.all(work)
    expect(await look(owner(place), "a", START + 6 * MINUTE)).toBe("no key")
  })

  test("that is older than the one held is not taken", async () => {
    const place = new Place()
    await place.answers({ json: { keys: [await svidKey("new")], spiffe_sequence: 7 } })
    expect(await look(owner(place), "new")).toBe("key")
    await place.answers({ json: { keys: [await svidKey("old")], spiffe_sequence: 6 } })
    expect(await look(owner(place), "old", START + 6 * SECOND)).toBe("no key")
    expect(await look(owner(place), "new", START + 12 * SECOND)).toBe("key")
  })

  test("is not forgotten for one without a number, until that has stayed", async () => {
    const place = new Place()
    await place.answers({ json: { keys: [await svidKey("new")], spiffe_sequence: 7 } })
    await look(owner(place), "new")
    await place.answers({ json: { keys: [await svidKey("old")] } })
    expect(await look(owner(place), "old", START + 6 * SECOND)).toBe("no key")
    expect(await look(owner(place), "new", START + 12 * SECOND)).toBe("key")
    expect(await look(owner(place), "old", START + 6 * MINUTE)).toBe("key")
  })

  test.each([
    ["18446744073709551614", "18446744073709551615"],
    ["9007199254740992", "9007199254740993"],
  ])("numbered %s is older than %s", async (older, newer) => {
    const place = new Place()
    const numbered = async (kid: string, sequence: string): Promise<void> =>
      place.answers({ body: `{"keys":[${JSON.stringify(await svidKey(kid))}],"spiffe_sequence":${sequence}}` })
    await numbered("a", older)
    expect(await look(owner(place), "a")).toBe("key")
    await numbered("b", newer)
    expect(await look(owner(place), "b", START + 6 * SECOND)).toBe("key")
    await numbered("a", older)
    expect(await look(owner(place), "a", START + 12 * SECOND)).toBe("no key")
  })

  test.each<readonly [string, string]>([
    ["a text", '"60"'],
    ["negative", "-1"],
    ["beyond any number", "1e999"],
    ["beyond any exact number", "99999999999999999999"],
    ["null", "null"],
    ["a list", "[]"],
  ])("that revokes is heeded though its refresh hint is %s", async (_what, hint) => {
    const place = new Place()
    await place.answers({ json: { keys: [await svidKey("a")], spiffe_sequence: 1 } })
    expect(await look(owner(place), "a")).toBe("key")
    await place.answers({ body: `{"keys":[],"spiffe_sequence":2,"spiffe_refresh_hint":${hint}}` })
    await look(owner(place), "a", START + 6 * MINUTE)
    await Promise.all(work)
    expect(await look(owner(place), "a", START + 6 * MINUTE)).toBe("no key")
  })

  test("of another isolate is not replaced by an older one", async () => {
    const place = new Place()
    const named = `spiffe_bundle issuer ${place.uri} ES256`
    await place.answers({ json: { keys: [await svidKey("a")], spiffe_sequence: 6 } })
    await look(owner(place), "a")
    const newer = JSON.stringify({ keys: [await svidKey("b")], spiffe_sequence: 7 })
    await writeShared(named, { text: newer, fetchedAt: START + MINUTE, sequence: "7" }, 3_600)
    // This one's copy lags: it is taken here, where nothing newer is known, and left to itself.
    expect(await look(owner(place), "c", START + 2 * MINUTE)).toBe("no key")
    expect(await place.asked()).toBe(2)
    expect(await readShared(named)).toMatchObject({ sequence: "7", fetchedAt: START + MINUTE })
    await writeShared(named, { text: "{}", fetchedAt: START, sequence: "8" }, 3_600)
    expect(await readShared(named)).toMatchObject({ sequence: "7" })
    // Nobody has seen it for five minutes: its server counts anew.
    await writeShared(named, { text: "{}", fetchedAt: START + 6 * MINUTE, sequence: "1" }, 3_600)
    expect(await readShared(named)).toMatchObject({ sequence: "1" })
  })

  test("says itself how soon it is to be renewed, within bounds", async () => {
    for (const [hint, renewedAfter] of [
      [60, 60],
      [1, 10],
      [1_000_000, 1_800],
      [undefined, 300],
    ] as const) {
      const place = new Place()
      await place.answers({ json: { keys: [await svidKey("a")], spiffe_refresh_hint: hint } })
      await look(owner(place), "a")
      await look(owner(place), "a", START + renewedAfter * SECOND - 1)
      expect(await place.asked()).toBe(1)
      await look(owner(place), "a", START + renewedAfter * SECOND)
      await Promise.all(work)
      expect(await place.asked()).toBe(2)
    }
  })

  test("is not shared by two trust domains at one place", async () => {
    const place = new Place()
    await place.answers({ json: { keys: [await svidKey("a")] } })
    await look(owner(place), "a")
    await look({ ...owner(place), id: "another" }, "a")
    expect(await place.asked()).toBe(2)
  })
})
