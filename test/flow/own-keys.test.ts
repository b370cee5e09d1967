/** The keys that sign our tokens: of two algorithms, known to each isolate with its first lease, and gone for good once pulled. */
import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test"
import { env } from "cloudflare:workers"
import { decodeJwt, decodeProtectedHeader, importJWK, SignJWT } from "jose"
import { beforeEach, describe, expect, test, vi } from "vitest"
import { z } from "zod"
import { app } from "../../src/app.ts"
import { OWN_ALGORITHMS, type OwnAlgorithm } from "../../src/core/keys/algorithm.ts"
import { forgetSwitches } from "../../src/revocation/lease.ts"
import { switchboard, Switchboard } from "../../src/revocation/switchboard.ts"
import { KeyRing, keyRing } from "../../src/signing/key-ring.ts"
import { ROTATE_AFTER_MS } from "../../src/core/keys/key-rotation.ts"
import { forgetSigningKeys } from "../../src/signing/signing-key.ts"
import { ACCESS_TOKEN, exchangeForm, openTask, postForm, type Form } from "../harness/agents.ts"
import { publish, yard } from "../harness/bundles.ts"
import { freshIsolateForEach } from "../harness/each-test.ts"
import { callWith } from "../harness/gateways.ts"
import { forgetCaches } from "../harness/isolate.ts"
import { agentId, US } from "../harness/issuers.ts"
import { bearerOf, manage } from "../harness/management.ts"
import { recordOf } from "../harness/records.ts"
import { stop } from "../harness/switches.ts"

beforeEach(async () => {
  await publish(await yard())
})
freshIsolateForEach()

const codeOf = async (token: string): Promise<string> => (await callWith(token, "/files/a")).code
const kidOf = (token: string): string => decodeProtectedHeader(token).kid ?? ""
const broken = (): never => {
  throw new Error("out of reach, by a test")
}

/** As a Worker that is configured to sign with `alg` answers. */
async function issuedBy(alg: OwnAlgorithm, form?: Form): Promise<string> {
  const body = new URLSearchParams()
  for (const [name, value] of Object.entries(form ?? (await exchangeForm("first")))) body.append(name, String(value))
  const context = createExecutionContext()
  const request = new Request(`${US}/oauth/token`, { method: "POST", body })
  const response = await app.fetch(request, { ...env, SIGNING_ALGORITHM: alg }, context)
  await waitOnExecutionContext(context)
  return z.object({ access_token: z.string() }).parse(await response.json()).access_token
}

/** By the ring's own private key: what a thief of it would make. */
async function stolen(token: string, by: OwnAlgorithm, header: object = {}): Promise<string> {
  const { kid, privateJwk } = await keyRing(env).signingKey(by)
  const key = await importJWK(privateJwk, by)
  return new SignJWT(decodeJwt(token)).setProtectedHeader({ alg: by, kid, typ: "at+jwt", ...header }).sign(key)
}

describe("each key", () => {
  test.each(OWN_ALGORITHMS)("of %s signs where it is configured, and verifies whatever is configured", async (alg) => {
    const token = await issuedBy(alg)
    expect(decodeProtectedHeader(token)).toMatchObject({ alg, typ: "at+jwt" })
    expect(await codeOf(token)).toBe("ok")
    const renewed = { ...(await exchangeForm("first")), subject_token: token, subject_token_type: ACCESS_TOKEN }
    expect((await postForm(renewed)).status).toBe(200)
  })

  test("has one algorithm: no token chooses another", async () => {
    const { token } = await openTask("first")
    const ring = keyRing(env)
    const [es256, eddsa] = [await ring.signingKey("ES256"), await ring.signingKey("EdDSA")]
    expect(await codeOf(await stolen(token, "EdDSA"))).toBe("ok")
    const forged = {
      "the one key under the other's name": await stolen(token, "ES256", { kid: eddsa.kid }),
      "the other under the one's": await stolen(token, "EdDSA", { kid: es256.kid }),
      "by another name of its algorithm": await stolen(token, "EdDSA").then(async (honest) => {
        const [, claims = ""] = honest.split(".")
        const key = await importJWK(eddsa.privateJwk, "EdDSA")
        const text = new TextDecoder().decode(Uint8Array.fromBase64(claims, { alphabet: "base64url" }))
        return new SignJWT(JSON.parse(text))
          .setProtectedHeader({ alg: "Ed25519", kid: eddsa.kid, typ: "at+jwt" })
          .sign(key)
      }),
    }
    for (const [what, text] of Object.entries(forged)) {
      const { code, decision } = await callWith(text, "/files/a")
      expect(code, what).toBe("invalid_token")
      expect((await recordOf(decision)).denial, what).toMatchObject({
        reason: "token_rejected",
        what: "algorithm_refused",
      })
    }
  })

  test("is pulled alone: the other algorithm's goes on", async () => {
    const ring = keyRing(env)
    const [es256, eddsa] = [await ring.signingKey("ES256"), await ring.signingKey("EdDSA")]
    await ring.pull(es256.kid)
    expect((await ring.signingKey("ES256")).kid).not.toBe(es256.kid)
    expect((await ring.signingKey("EdDSA")).kid).toBe(eddsa.kid)
    expect(await ring.publicKeys()).toHaveLength(2)
  })

  test("signs nothing once it is pulled, though this isolate holds it, or the ring does not know yet", async () => {
    const { token } = await openTask("first")
    await stop({ kind: "key", kid: kidOf(token) })
    for (const forget of [() => undefined, forgetSigningKeys]) {
      forget()
      expect((await postForm(await exchangeForm("first"))).status).toBe(503)
    }
  })

  test("is known as one of ours once it is pulled, and once another has taken its place", async () => {
    const ring = keyRing(env)
    const { kid } = await ring.signingKey("ES256")
    expect([await ring.had(kid), await ring.had("invented")]).toEqual([true, false])
    vi.useFakeTimers({ now: Date.now() + 2 * ROTATE_AFTER_MS, toFake: ["Date"] })
    await ring.publicKeys()
    vi.setSystemTime(Date.now() + 2 * ROTATE_AFTER_MS)
    const next = await ring.signingKey("ES256")
    expect(next.kid).not.toBe(kid)
    expect((await ring.publicKeys()).map((key) => key.kid)).not.toContain(kid)
    await ring.pull(next.kid)
    expect([await ring.had(kid), await ring.had(next.kid), await ring.had("invented")]).toEqual([true, true, false])
  })
})

describe("a cold isolate", () => {
  test("asks once for switches and keys, and no more while it holds them", async () => {
    const { token } = await openTask("first")
    forgetCaches()
    const read = vi.spyOn(Switchboard.prototype, "read")
    const others = (["publicKeys", "signingKey"] as const).map((name) => vi.spyOn(Switchboard.prototype, name))
    expect(await codeOf(token)).toBe("ok")
    expect(read.mock.calls).toEqual([[true]])
    forgetSwitches()
    expect(await codeOf(token)).toBe("ok")
    expect(read.mock.calls).toEqual([[true], [false]])
    for (const other of others) expect(other).not.toHaveBeenCalled()
  })

  test("denies every call if the ring has no keys for it, and goes on where it has them", async () => {
    const { token } = await openTask("first")
    forgetCaches()
    vi.spyOn(KeyRing.prototype, "publicKeys").mockImplementation(broken)
    expect(await callWith(token, "/files/a")).toMatchObject({ status: 403, code: "unavailable" })
    vi.restoreAllMocks()
    await vi.waitFor(async () => expect(await codeOf(token)).toBe("ok"), 5_000)
    vi.spyOn(KeyRing.prototype, "publicKeys").mockImplementation(broken)
    const read = vi.spyOn(Switchboard.prototype, "read")
    vi.useFakeTimers({ now: Date.now() + 200_000, toFake: ["Date"] })
    expect(await codeOf(token)).toBe("ok")
    expect(read.mock.calls).toContainEqual([true])
  })

  test("denies every call if its first lease brings no keys, something else, or no secret for records", async () => {
    const { token } = await openTask("first")
    const [lease = "", text = ""] = (await switchboard(env).read(true)).split("\n")
    const ring = z.object({ keys: z.array(z.unknown()), recordKey: z.string() }).parse(JSON.parse(text))
    for (const wrong of [{ ...ring, keys: "none" }, { ...ring, recordKey: "" }, { ...ring, more: 1 }, {}]) {
      forgetCaches()
      const read = vi.spyOn(Switchboard.prototype, "read").mockReturnValue(`${lease}\n${JSON.stringify(wrong)}`)
      expect((await callWith(token, "/files/a")).code).toBe("unavailable")
      read.mockRestore()
    }
    expect(await codeOf(token)).toBe("ok")
  })
})

describe("a pulled key", () => {
  const pull = async (kid: string, more: object = {}) =>
    manage("POST", "/v1/revocations", await bearerOf("operator"), {}, { key: kid, ...more })

  test("never comes back, whatever an isolate still knows of it and whatever is signed with it", async () => {
    const { token, task } = await openTask("first")
    const theft = await stolen(token, "ES256", { x: 1 })
    const { status, json } = await pull(kidOf(token))
    expect(status).toBe(200)
    const { id } = z.object({ id: z.string() }).parse(json)
    for (const when of ["at once", "and after somebody has tried to lift it"]) {
      for (const text of [token, theft]) {
        const { code, decision } = await callWith(text, "/files/a")
        expect(code, when).toBe("invalid_token")
        const denial = { reason: "stopped", switch: id, kind: "key", claimed_client: agentId("first") }
        expect((await recordOf(decision)).denial, when).toEqual(denial)
        expect((await manage("GET", `/v1/tasks/${task}`, `Bearer ${text}`)).status).toBe(401)
        const renewal = { ...(await exchangeForm("first")), subject_token: text, subject_token_type: ACCESS_TOKEN }
        expect((await postForm(renewal)).refused?.error).toBe("unauthorized_client")
      }
      const lifted = await manage("DELETE", `/v1/revocations/${id}`, await bearerOf("operator"))
      expect(lifted).toMatchObject({ status: 400, code: "invalid_request" })
    }
    forgetCaches()
    for (const text of [token, theft]) expect(await codeOf(text)).toBe("invalid_token")
    const published = await keyRing(env).publicKeys()
    expect(published.map(({ kid }) => kid)).not.toContain(kidOf(token))
    expect(await codeOf((await openTask("first")).token)).toBe("ok")
  })

  test("is pulled wholly: a thief writes any time that they like", async () => {
    expect(await pull("some-key", { before: 4_000_000_000 })).toMatchObject({ status: 400, code: "invalid_request" })
  })

  test("of calls that race with it none that began after its acknowledgement passes with what it signed", async () => {
    const first = await openTask("first", { scope: "files.*:read" })
    const kid = kidOf(first.token)
    const tokens = [first.token]
    let acknowledgedAt = Number.POSITIVE_INFINITY
    const late: string[] = []
    let allowed = 0
    const caller = async (): Promise<void> => {
      while (performance.now() < acknowledgedAt + 200) {
        const token = tokens[Math.floor(Math.random() * tokens.length)] ?? first.token
        const began = performance.now()
        const code = await codeOf(token)
        if (code === "ok") allowed += 1
        if (code === "ok" && began > acknowledgedAt && kidOf(token) === kid) late.push(token)
        await new Promise((resolve) => setTimeout(resolve, 40))
      }
    }
    const opener = async (): Promise<void> => {
      while (performance.now() < acknowledgedAt) {
        const { issued } = await postForm(await exchangeForm("first"))
        if (issued) tokens.push(issued.access_token)
        await new Promise((resolve) => setTimeout(resolve, 100))
      }
    }
    const racing = [...Array.from({ length: 8 }, caller), opener()]
    await vi.waitFor(() => expect(allowed).toBeGreaterThan(20), 20_000)
    expect((await pull(kid)).status).toBe(200)
    acknowledgedAt = performance.now()
    const after = await Promise.all(tokens.map(async (token) => [kidOf(token) === kid, await codeOf(token)] as const))
    await Promise.all(racing)
    expect(late).toEqual([])
    expect(allowed).toBeGreaterThan(8)
    for (const [isPulled, code] of after) if (isPulled) expect(code).toBe("invalid_token")
    // Those by the key that signs since may be refused for a moment, not for long.
    const others = tokens.filter((token) => kidOf(token) !== kid)
    await vi.waitFor(async () => {
      for (const token of others) expect(await codeOf(token)).toBe("ok")
    }, 4_000)
  })
})
