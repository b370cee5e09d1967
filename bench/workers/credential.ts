/**
 * The verification of a delegation token by itself, many times a request so that HTTP does not count: one that is seen
 * again, ones that were never seen, and the bare library on the same tokens.
 */
import { exportJWK, generateKeyPair, jwtVerify, SignJWT } from "jose"
import { Hono, type Context } from "hono"
import { verifyDelegationToken } from "../../src/credentials/delegation-token.ts"
import type { KeyFinder } from "../../src/credentials/key-sets/own-keys.ts"

const ISSUER = "https://authz.example"
const AUDIENCE = "https://api.bench.example"
const KID = "bench"
/** More than are remembered, oldest forgotten first: asked for in turn, each has been forgotten when it comes again. */
const TOKENS = 6_000
/** A token that is known costs so little that HTTP would hide it. */
const AT_ONCE = { seen: 100, unseen: 10 }

type Prepared = Awaited<ReturnType<typeof prepare>>

async function prepare() {
  const { privateKey, publicKey } = await generateKeyPair("ES256", { extractable: true })
  const now = Math.floor(Date.now() / 1000)
  const sign = async (index: number): Promise<string> =>
    new SignJWT({
      client_id: "spiffe://bench.example/agent/desk",
      act: { sub: "spiffe://bench.example/agent/desk" },
      task: `tsk_01JZZZZZZZZZZZZ${"0".repeat(21)}`,
      purpose: "answer-ticket",
      since: now,
      scope: "crm.tickets.*:read crm.tickets.*:write crm.secrets.get:read",
    })
      .setProtectedHeader({ alg: "ES256", kid: KID, typ: "at+jwt" })
      .setIssuer(ISSUER)
      .setSubject("https://idp.bench.example|user-1")
      .setAudience(AUDIENCE)
      .setIssuedAt(now)
      .setExpirationTime(now + 3_600)
      .setJti(`token-${index}`)
      .sign(privateKey)
  const tokens = await Promise.all(Array.from({ length: TOKENS }, (_, index) => sign(index)))
  return { tokens, known: await sign(TOKENS), publicKey, jwk: await exportJWK(publicKey) }
}

// Kept as a value: no request may wait for another's promise.
let prepared: Prepared | undefined
/** One counter a path: the tokens that the bare library verifies are not remembered by ours. */
const turns = { unseen: 0, bare: 0 }

async function forEach(
  c: Context,
  count: number,
  next: (from: Prepared) => string,
  verify: (token: string, by: Prepared) => Promise<boolean>,
): Promise<Response> {
  const ready = (prepared ??= await prepare())
  for (let index = 0; index < count; index++) {
    if (!(await verify(next(ready), ready))) return c.text("refused", 500)
  }
  return c.text("verified")
}

const inTurn =
  (path: keyof typeof turns) =>
  ({ tokens }: Prepared): string =>
    tokens[turns[path]++ % TOKENS] ?? ""
const seen = ({ known }: Prepared): string => known
const audiences = new Set([AUDIENCE])
const finderOf = ({ publicKey, jwk }: Prepared): KeyFinder => ({
  find: async (kid) => (kid === KID ? { key: publicKey, alg: "ES256" } : null),
  published: async () => [jwk],
})
const ours = async (token: string, by: Prepared): Promise<boolean> =>
  "claims" in (await verifyDelegationToken(token, finderOf(by), ISSUER, audiences, Date.now()))
const bare = async (token: string, { publicKey }: Prepared): Promise<boolean> => {
  const options = { algorithms: ["ES256"], issuer: ISSUER, audience: AUDIENCE, typ: "at+jwt" }
  return (await jwtVerify(token, publicKey, options)).payload.jti !== undefined
}

const app = new Hono()
app.get("/seen", (c) => forEach(c, AT_ONCE.seen, seen, ours))
app.get("/unseen", (c) => forEach(c, AT_ONCE.unseen, inTurn("unseen"), ours))
app.get("/bare", (c) => forEach(c, AT_ONCE.unseen, inTurn("bare"), bare))
// For the guard: a token that is not of the key must be refused, whatever is timed.
app.get("/forged", async (c) => {
  const ready = (prepared ??= await prepare())
  const forged = `${ready.known.slice(0, -8)}AAAAAAAA`
  return c.text((await ours(forged, ready)) ? "verified" : "refused")
})

export default app
