/**
 * What a provider gives for a code is judged before anybody is signed in by it. Attacks as data; what a browser can change
 * on its way back is tried against a real provider (test/node/sign-in/callback.test.ts).
 */
import { env } from "cloudflare:workers"
import { beforeEach, describe, expect, test, vi } from "vitest"
import { z } from "zod"
import { findRecords } from "../../src/audit/record-logs.ts"
import { visitorAs } from "../harness/browsing.ts"
import { publish, yard } from "../harness/bundles.ts"
import { knock } from "../harness/door.ts"
import { freshIsolateForEach } from "../harness/each-test.ts"
import { accessToken, IDP, idToken, stranger, US } from "../harness/issuers.ts"

const HOUR_SECONDS = 3_600
const seconds = (): number => Math.floor(Date.now() / 1000)

/** What the provider says for a code, by what it was asked for. */
type Tokens = (asked: { readonly issuer: string; readonly nonce: string }) => Promise<Readonly<Record<string, unknown>>>

const GOOD: Tokens = async ({ issuer, nonce }) => ({
  token_type: "Bearer",
  access_token: await accessToken("operator", "cli", { claims: { iss: issuer } }),
  id_token: await idToken("operator", { claims: { iss: issuer, aud: "cli", nonce } }),
})

let issuer: string
/** Of the provider: each test's own, as what it says of itself is remembered. */
beforeEach(async () => {
  issuer = `https://${crypto.randomUUID()}.test`
  const body = await yard()
  const sign_in = { client: "cli", scope: "openid", token: "access_token", resource: "resource" } as const
  const issuers = body.issuers.map((each) => (each.id === "idp" ? { ...each, issuer, sign_in } : each))
  await publish({ ...body, issuers })
})
freshIsolateForEach()

interface Asked {
  readonly url: string
  readonly sent: URLSearchParams
}

/** Instead of the network. @returns what it was asked */
function provider(tokens: () => Promise<unknown>, says: Readonly<Record<string, unknown>> = {}): readonly Asked[] {
  const asked: Asked[] = []
  vi.spyOn(globalThis, "fetch").mockImplementation(async (input, init) => {
    const request = new Request(input, init)
    expect(request.redirect).toBe("manual")
    const { url } = request
    asked.push({ url, sent: new URLSearchParams(new TextDecoder().decode(await request.arrayBuffer())) })
    if (!url.endsWith("/.well-known/openid-configuration")) return Response.json(await tokens())
    const [authorization_endpoint, token_endpoint] = [`${issuer}/authorize`, `${issuer}/token`]
    const algorithms = { id_token_signing_alg_values_supported: ["ES256"] }
    return Response.json({ issuer, authorization_endpoint, token_endpoint, ...algorithms, ...says })
  })
  return asked
}

const leave = async (): Promise<Response> =>
  knock(new Request(`${US}/sign-in?return=/console/approvals`, { redirect: "manual" }))

/** @param before another cookie of this browser */
async function signIn(
  tokens: Tokens,
  before = "",
): Promise<{ readonly answer: Response; readonly left: URL; readonly asked: readonly Asked[] }> {
  let nonce = ""
  const asked = provider(async () => tokens({ issuer, nonce }))
  const leaving = await leave()
  const left = new URL(leaving.headers.get("location") ?? "")
  nonce = left.searchParams.get("nonce") ?? ""
  const [cookie = ""] = (leaving.headers.getSetCookie()[0] ?? "").split(";", 1)
  const search = new URLSearchParams({ code: "code", state: left.searchParams.get("state") ?? "" })
  const arrival = `${US}/sign-in/callback?${search.toString()}`
  const cookies = [cookie, ...(before === "" ? [] : [before])].join("; ")
  const answer = await knock(new Request(arrival, { headers: { cookie: cookies }, redirect: "manual" }))
  return { answer, left, asked }
}

const sessionIn = (answer: Response): string | undefined =>
  answer.headers.getSetCookie().find((line) => line.startsWith("__Host-narrowgate="))
/** What the browser left with is for one return alone, whatever comes of that. */
const takenAway = (answer: Response): boolean =>
  answer.headers.getSetCookie().some((line) => line.startsWith("__Host-narrowgate-sign-in=; Max-Age=0;"))
const lifeIn = (answer: Response): number => z.coerce.number().parse(/Max-Age=(\d+)/.exec(sessionIn(answer) ?? "")?.[1])

describe("a person who comes back", () => {
  test("is signed in by the token of our client, with the verifier whose challenge went along", async () => {
    const { answer, left, asked } = await signIn(GOOD)
    expect([answer.status, answer.headers.get("location")]).toEqual([303, "/console/approvals"])
    expect(sessionIn(answer)).toMatch(/; Path=\/; HttpOnly; Secure; SameSite=Lax$/)
    expect(takenAway(answer)).toBe(true)
    expect(Object.fromEntries(left.searchParams)).toMatchObject({ code_challenge_method: "S256", resource: US })
    const sent = asked.at(-1)?.sent
    const verifier = new TextEncoder().encode(sent?.get("code_verifier") ?? "")
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", verifier))
    expect(digest.toBase64({ alphabet: "base64url", omitPadding: true })).toBe(left.searchParams.get("code_challenge"))
    const [cookie = ""] = (sessionIn(answer) ?? "").split(";", 1)
    expect((await knock(new Request(`${US}/console/approvals`, { headers: { cookie } }))).status).toBe(200)
  })

  test("has to do it again with their token, and after half a day whatever it says", async () => {
    const lasting =
      (life: number): Tokens =>
      async (asked) => ({
        ...(await GOOD(asked)),
        access_token: await accessToken("operator", "cli", { claims: { iss: asked.issuer, exp: seconds() + life } }),
      })
    const short = lifeIn((await signIn(lasting(600))).answer)
    expect(short).toBeGreaterThan(590)
    expect(short).toBeLessThanOrEqual(600)
    const long = lifeIn((await signIn(lasting(24 * HOUR_SECONDS))).answer)
    expect(long).toBeGreaterThan(12 * HOUR_SECONDS - 10)
    expect(long).toBeLessThanOrEqual(12 * HOUR_SECONDS)
  })

  const access =
    (claims: Readonly<Record<string, unknown>>, more: object = {}): Tokens =>
    async (asked) => ({
      ...(await GOOD(asked)),
      access_token: await accessToken("operator", "cli", { claims: { iss: asked.issuer, ...claims }, ...more }),
    })
  const login =
    (claims: Readonly<Record<string, unknown>>): Tokens =>
    async (asked) => {
      const { issuer: iss, nonce } = asked
      return {
        ...(await GOOD(asked)),
        id_token: await idToken("operator", { claims: { iss, aud: "cli", nonce, ...claims } }),
      }
    }
  test("is signed in anew: whoever was before in this browser is not any more", async () => {
    const before = await visitorAs("alice", { claims: { iss: issuer } })
    expect((await before.get("/console/approvals")).status).toBe(200)
    const { answer } = await signIn(GOOD, before.cookie)
    expect(answer.status).toBe(303)
    await vi.waitFor(async () => expect((await before.get("/console/approvals")).status).toBe(303))
  })

  const REFUSED: Readonly<Record<string, Tokens>> = {
    "a login of another sign-in": login({ nonce: "another" }),
    "a login that says not of which sign-in it is": login({ nonce: undefined }),
    "a login for another client": login({ aud: "app" }),
    "a login of another provider": login({ iss: IDP }),
    "a login that is over": login({ exp: 1_000_000_000 }),
    "no login": async (asked) => ({ ...(await GOOD(asked)), id_token: undefined }),
    "the token of an app that agents have sessions of": access({ client_id: "app" }),
    "a token for another API": access({ aud: "https://other.test" }),
    "a token for another API too": access({ aud: [US, "https://other.test"] }),
    "a token of another provider": access({ iss: IDP }),
    "a token that is over": access({ exp: 1_000_000_000 }),
    "a token that others have signed": access({}, { signer: stranger }),
    "a login for a token": async (asked) => {
      const good = await GOOD(asked)
      return { ...good, access_token: good["id_token"] }
    },
    "tokens with more beside them than anybody needs": async (asked) => ({
      ...(await GOOD(asked)),
      more: "x".repeat(262_144),
    }),
    "a token that nobody can read": async (asked) => ({ ...(await GOOD(asked)), access_token: "opaque" }),
  }
  test.for(Object.entries(REFUSED))("with %s is nobody", async ([, tokens]) => {
    const begun = vi.spyOn(env.SESSION, "getByName")
    const { answer } = await signIn(tokens)
    expect([answer.status, sessionIn(answer), takenAway(answer)]).toEqual([401, undefined, true])
    expect(begun).not.toHaveBeenCalled()
    await vi.waitFor(
      async () =>
        expect(await findRecords(env, { kind: "management", limit: 10 })).toMatchObject([
          { path: "/sign-in/callback", decision: "deny", denial: { reason: "sign_in_failed" } },
        ]),
      { timeout: 4_000, interval: 50 },
    )
  })
})

describe("a provider", () => {
  test.for(["javascript:alert(1)", "http://plain.test/authorize", "https://10.0.0.1/authorize"])(
    "has nobody sent to %s",
    async (authorization_endpoint) => {
      provider(async () => ({}), { authorization_endpoint })
      const answer = await leave()
      expect([answer.status, answer.headers.has("location"), answer.headers.getSetCookie()]).toEqual([503, false, []])
    },
  )

  test.for(["http://plain.test/token", "https://10.0.0.1/token", "https://localhost/token"])(
    "has nothing asked at %s",
    async (token_endpoint) => {
      const asked = provider(async () => GOOD({ issuer, nonce: "" }), { token_endpoint })
      const leaving = await leave()
      const state = new URL(leaving.headers.get("location") ?? "").searchParams.get("state") ?? ""
      const [cookie = ""] = (leaving.headers.getSetCookie()[0] ?? "").split(";", 1)
      const arrival = `${US}/sign-in/callback?${new URLSearchParams({ code: "code", state }).toString()}`
      const answer = await knock(new Request(arrival, { headers: { cookie }, redirect: "manual" }))
      expect([answer.status, sessionIn(answer)]).toEqual([401, undefined])
      expect(asked.map(({ url }) => url)).toEqual([`${issuer}/.well-known/openid-configuration`])
    },
  )
})
