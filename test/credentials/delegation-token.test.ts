import { env } from "cloudflare:workers"
import { decodeJwt, decodeProtectedHeader, importJWK, SignJWT, type CryptoKey } from "jose"
import { describe, expect, test, vi } from "vitest"
import { keyRing } from "../../src/signing/key-ring.ts"
import { openTask, type OpenTask } from "../harness/agents.ts"
import { publish, yard } from "../harness/bundles.ts"
import { twinOf } from "../harness/forge.ts"
import { yardForEach } from "../harness/each-test.ts"
import { callWith } from "../harness/gateways.ts"
import { forgetCaches, freshIsolate } from "../harness/isolate.ts"
import { accessToken, agentId, idToken, stranger, svid } from "../harness/issuers.ts"
import { bearerOf, manage, viewOf } from "../harness/management.ts"
import { newProofKey, proofForToken, proofOf } from "../harness/proofs.ts"
import { recordOf } from "../harness/records.ts"

yardForEach()

const codeOf = async (token: string): Promise<string> => (await callWith(token, "/files/a")).code

/** The ring's own private key: what a forger would need, so that each case differs in one thing from a good token. */
async function resign(token: string, claims: object, header: object = {}, key?: CryptoKey): Promise<string> {
  const { kid, privateJwk } = await keyRing(env).signingKey("ES256")
  const own = await importJWK(privateJwk, "ES256")
  const protectedHeader = { ...decodeProtectedHeader(token), alg: "ES256", kid, ...header }
  return new SignJWT({ ...decodeJwt(token), ...claims }).setProtectedHeader(protectedHeader).sign(key ?? own)
}

const encode = (value: unknown): string =>
  btoa(JSON.stringify(value)).replaceAll("=", "").replaceAll("+", "-").replaceAll("/", "_")

type Forgery = (task: OpenTask) => Promise<string>
const FORGERIES: Readonly<Record<string, Forgery>> = {
  "a claim changed, the signature kept": async ({ token }) => {
    const [header, , signature] = token.split(".")
    return `${header}.${encode({ ...decodeJwt(token), sub: "https://idp.test|root" })}.${signature}`
  },
  "alg none": async ({ token }) =>
    `${encode({ ...decodeProtectedHeader(token), alg: "none" })}.${token.split(".")[1]}.`,
  "alg none with a signature": async ({ token }) =>
    `${encode({ ...decodeProtectedHeader(token), alg: "none" })}.${token.split(".")[1]}.AAAA`,
  "HS256 by the public key": async ({ token }) => {
    const [jwk] = await keyRing(env).publicKeys()
    const secret = new TextEncoder().encode(JSON.stringify(jwk))
    return new SignJWT(decodeJwt(token))
      .setProtectedHeader({ ...decodeProtectedHeader(token), alg: "HS256" })
      .sign(secret)
  },
  "another key under our kid": async ({ token }) => resign(token, {}, {}, stranger.key),
  "another key that it brings along": async ({ token }) => resign(token, {}, { jwk: stranger.publicJwk }, stranger.key),
  "another key that it points to": async ({ token }) =>
    resign(token, {}, { kid: "evil", jku: "https://evil.test/keys", x5u: "https://evil.test/x" }, stranger.key),
  "no kid": async ({ token }) => resign(token, {}, { kid: undefined }),
  "another type": async ({ token }) => resign(token, {}, { typ: "JWT" }),
  "no type": async ({ token }) => resign(token, {}, { typ: undefined }),
  "an extension that it calls critical": async ({ token }) =>
    resign(token, {}, { crit: ["exp"], exp: 1 }).catch(() => "a.b.c"),
  "another issuer": async ({ token }) => resign(token, { iss: "https://evil.test" }),
  "another audience": async ({ token }) => resign(token, { aud: "https://nobody.test/" }),
  "several audiences": async ({ token }) => resign(token, { aud: ["https://api.test/", "https://elsewhere.test/"] }),
  "no expiry": async ({ token }) => resign(token, { exp: undefined }),
  expired: async ({ token }) => resign(token, { exp: Math.floor(Date.now() / 1000) - 1 }),
  "no jti": async ({ token }) => resign(token, { jti: undefined }),
  "a jti that was never issued": async ({ token }) => resign(token, { jti: crypto.randomUUID() }),
  "another task": async ({ token, task }) => resign(token, { task: `${task}.1` }),
  "another tree": async ({ token }) => resign(token, { task: `tsk_${"0".repeat(36)}` }),
  "a task that is no id": async ({ token }) => resign(token, { task: "../../x" }),
  "no client": async ({ token }) => resign(token, { client_id: undefined }),
  "a key that it is not bound to in the ledger": async ({ token }) => resign(token, { cnf: { jkt: "x" } }),
  "a stray bit at the end": async ({ token }) => token.slice(0, -1) + (token.endsWith("A") ? "B" : "A"),
  "a blank inside": async ({ token }) => `${token.slice(0, 20)} ${token.slice(20)}`,
  padding: async ({ token }) => `${token}=`,
  "an ID token": async () => idToken("alice"),
  "an access token of the provider": async () => accessToken("alice", "app"),
  "a workload identity": async () => svid("first"),
  "a proof": async () => proofForToken(await newProofKey()),
  "nothing at all": async () => "",
}

describe("at a gateway nothing opens a call but a delegation token of ours, as it was issued", () => {
  test("re-signed without a change it is good: the cases below fail by what they change", async () => {
    const { token } = await openTask("first")
    expect([await codeOf(token), await codeOf(await resign(token, {}))]).toEqual(["ok", "ok"])
  })

  test.each(Object.keys(FORGERIES))("%s", async (what) => {
    const task = await openTask("first")
    const forged = (await FORGERIES[what]?.(task)) ?? ""
    expect(forged).not.toBe(task.token)
    expect(await codeOf(forged)).toBe("invalid_token")
    expect((await manage("POST", `/v1/tasks/${task.task}/complete`, `Bearer ${forged}`)).status).toBeGreaterThanOrEqual(
      400,
    )
    expect(await codeOf(task.token)).toBe("ok")
  })

  test("scope and subject in the token grant nothing: the ledger's word counts", async () => {
    const task = await openTask("first", { scope: "files.read:read" })
    const wide = await resign(task.token, {
      scope: "*:read *:write *:execute",
      client_id: agentId("second"),
      sub: "x|root",
    })
    expect((await callWith(wide, "/vault/1")).code).toBe("insufficient_scope")
    const answer = await callWith(wide, "/files/a")
    expect(answer.headers.get("X-Narrowgate-Agent")).toBe(agentId("first"))
    expect(answer.headers.get("X-Narrowgate-User")).toBe("https://idp.test|alice")
  })

  test("a token of a sister task, or of the parent, does not stand for this one", async () => {
    const one = await openTask("first")
    const two = await openTask("first")
    const swapped = await resign(one.token, { jti: decodeJwt(two.token).jti })
    expect(await codeOf(swapped)).toBe("invalid_token")
  })

  test("expired to the second, remembered or not", async () => {
    const { token } = await openTask("first")
    const exp = Number(decodeJwt(token).exp) * 1000
    vi.useFakeTimers({ toFake: ["Date"] })
    vi.setSystemTime(exp - 1)
    expect(await codeOf(token)).toBe("ok")
    vi.setSystemTime(exp)
    expect(await codeOf(token)).toBe("invalid_token")
    forgetCaches()
    expect(await codeOf(token)).toBe("invalid_token")
  })

  test("binding is the ledger's word too: a token stripped of its key is not admitted without it", async () => {
    const holder = await newProofKey()
    const task = await openTask("first", {}, await proofForToken(holder))
    const stripped = await resign(task.token, { cnf: undefined })
    const answer = await callWith(stripped, "/files/a")
    expect(answer.code).toBe("invalid_token")
    // What is wanted is a proof: none was made by a wrong key.
    expect(answer.headers.get("WWW-Authenticate")).toMatch(/^DPoP error="invalid_token"/)
    const thief = await newProofKey()
    const rebound = await resign(task.token, { cnf: { jkt: thief.jkt } })
    const proof = await proofOf(thief, "GET", "https://api.test/files/a", rebound)
    const headers = { Authorization: `DPoP ${rebound}`, DPoP: proof }
    expect((await callWith("", "/files/a", { headers })).code).toBe("invalid_token")
  })

  test("a key that has left the ring takes its tokens with it", async () => {
    const { token } = await openTask("first")
    expect(await codeOf(token)).toBe("ok")
    const bundle = await yard()
    await freshIsolate()
    await publish(bundle)
    expect(await codeOf(token)).toBe("invalid_token")
  })

  test("a key that the ring has dropped verifies nothing, remembered or not, though its task goes on", async () => {
    const { token, task } = await openTask("first")
    expect(await codeOf(token)).toBe("ok")
    await keyRing(env).pull(decodeProtectedHeader(token).kid ?? "")
    forgetCaches()
    const { decision, code } = await callWith(token, "/files/a")
    expect(code).toBe("invalid_token")
    expect(await recordOf(decision)).toMatchObject({ denial: { reason: "token_rejected", what: "key_unknown" } })
    expect((await viewOf(task)).status).toBe("active")
  })
})

test("the twin of its signature, which anybody can compute, makes no second token of it: one hash in records, one end", async () => {
  const { token } = await openTask("first")
  const twin = twinOf(token)
  expect(twin).not.toBe(token)
  const answers = [
    await callWith(token, "/files/a"),
    await callWith(twin, "/files/a"),
    await callWith(twin, "/nowhere"),
  ]
  expect(answers.map(({ code }) => code)).toEqual(["ok", "ok", "unknown_tool"])
  const records = await Promise.all(answers.map(async ({ decision }) => recordOf(decision)))
  const [hash] = records.map(({ token_hash }) => token_hash)
  expect(hash).toMatch(/^[0-9a-f]{16}$/)
  expect(records.map(({ token_hash }) => token_hash)).toEqual([hash, hash, hash])
  expect((await manage("POST", "/v1/revocations", await bearerOf("operator"), {}, { token: twin })).status).toBe(200)
  expect([await codeOf(token), await codeOf(twin)]).toEqual(["invalid_token", "invalid_token"])
})

test("a proof for the twin of a token is not one for the token, and each proof counts once", async () => {
  const holder = await newProofKey()
  const { token } = await openTask("first", {}, await proofForToken(holder))
  const twin = twinOf(token)
  const show = async (shown: string, proof: string): Promise<string> =>
    (await callWith("", "/files/a", { headers: { Authorization: `DPoP ${shown}`, DPoP: proof } })).code
  const proof = await proofOf(holder, "GET", "https://api.test/files/a", twin)
  expect(await show(token, proof)).toBe("invalid_token")
  expect(await show(twin, proof)).toBe("ok")
  expect(await show(twin, twinOf(proof))).toBe("invalid_token")
})
