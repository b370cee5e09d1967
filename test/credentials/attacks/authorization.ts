/**
 * The `Authorization` header (RFC 6750 2.1, RFC 9449 7.1): one, of one scheme, with one token; nowhere else is one
 * looked for.
 */
import { openTask } from "../../harness/agents.ts"
import { accessTokenOf } from "../../harness/besieged.ts"
import { attack, call, callRefused, operatorRefused, type Attacks, type Headers } from "../../harness/attacks.ts"
import { repeat } from "../../harness/door.ts"
import { US } from "../../harness/issuers.ts"
import { newProofKey, proofForToken, proofOf } from "../../harness/proofs.ts"

const malformed = callRefused({ reason: "authorization_malformed" })
const missing = callRefused({ reason: "token_missing" }, "missing_token")

/** What stands in the header, made from a token that would be let through. */
const VALUES: Readonly<Record<string, (token: string) => string>> = {
  "two tokens and a comma": (token) => `Bearer ${token}, Bearer ${token}`,
  "a token, a comma and a stranger's": (token) => `Bearer ${token},Bearer e30.e30.AAAA`,
  "a comma behind it": (token) => `Bearer ${token},`,
  "two tokens and a blank": (token) => `Bearer ${token} ${token}`,
  "parameters behind it": (token) => `Bearer ${token}; realm=x`,
  "a parameter's form": (token) => `Bearer token=${token}`,
  quotes: (token) => `Bearer "${token}"`,
  "no scheme": (token) => token,
  "no blank": (token) => `Bearer${token}`,
  "a colon": (token) => `Bearer: ${token}`,
  "a tab": (token) => `Bearer\t${token}`,
  "a blank and a tab": (token) => `Bearer \t${token}`,
  "a blank that does not break": (token) => `Bearer\u00a0${token}`,
  "the scheme twice": (token) => `Bearer Bearer ${token}`,
  "two schemes": (token) => `DPoP Bearer ${token}`,
  "the scheme alone": () => "Bearer",
  "a comma alone": () => ",",
  Basic: (token) => `Basic ${btoa(`${token.slice(0, 20)}:${token.slice(0, 20)}`)}`,
  "Basic with the token as it is": (token) => `Basic ${token}`,
  Token: (token) => `Token ${token}`,
  OAuth: (token) => `OAuth ${token}`,
  GNAP: (token) => `GNAP ${token}`,
  Negotiate: (token) => `Negotiate ${token}`,
  "a scheme that begins like ours": (token) => `BearerX ${token}`,
  "a scheme that ends like ours": (token) => `XBearer ${token}`,
  "a look-alike scheme": (token) => `B\u00e9arer ${token}`,
}
const values = Object.fromEntries(
  Object.entries(VALUES).map(([what, value]) => [
    `gateway: ${what}`,
    attack(malformed, async () => call(value((await openTask()).token))),
  ]),
)
const ofOperators = Object.fromEntries(
  ["two tokens and a comma", "no scheme", "a tab", "Basic with the token as it is", "the scheme alone"].map((what) => [
    `operators: ${what}`,
    attack(operatorRefused(null, "missing_token"), async () => {
      const Authorization = VALUES[what]?.(await accessTokenOf("operator", "cli")) ?? ""
      return new Request(`${US}/v1/decisions`, { headers: { Authorization } })
    }),
  ]),
)

const twoHeaders = async (first: (token: string) => string, second: (token: string) => string) => {
  const { token } = await openTask()
  const request = call(first(token))
  repeat(request, "Authorization", second(token))
  return request
}
const elsewhere = (headers: (token: string) => Headers, path: (token: string) => string = () => "/files/a") =>
  attack(missing, async () => {
    const { token } = await openTask()
    return call(null, headers(token), path(token))
  })

const holder = await newProofKey()
const URI = "https://api.test/files/a"
const bound = async () => openTask("first", {}, await proofForToken(holder))

export const authorization: Attacks = {
  ...values,
  ...ofOperators,
  "gateway: two headers with the same token": attack(malformed, async () =>
    twoHeaders(
      (token) => `Bearer ${token}`,
      (token) => `Bearer ${token}`,
    ),
  ),
  "gateway: two headers of two schemes": attack(malformed, async () =>
    twoHeaders(
      (token) => `Bearer ${token}`,
      () => "Basic YTpi",
    ),
  ),
  "gateway: the token in the query": elsewhere(
    () => ({}),
    (token) => `/files/a?access_token=${token}`,
  ),
  "gateway: the token in the path": elsewhere(
    () => ({}),
    (token) => `/files/a;access_token=${token.slice(0, 40)}`,
  ),
  "gateway: the token in a cookie": elsewhere((token) => ({
    Cookie: `access_token=${token}; Authorization=Bearer ${token}`,
  })),
  "gateway: the token for a proxy": elsewhere((token) => ({ "Proxy-Authorization": `Bearer ${token}` })),
  "gateway: the token in headers that proxies set": elsewhere((token) => ({
    "X-Forwarded-Access-Token": token,
    "X-Original-Authorization": `Bearer ${token}`,
    "X-Authorization": `Bearer ${token}`,
  })),
  "gateway: the token in a header that some frameworks take for it": elsewhere((token) => ({
    Authorization_: `Bearer ${token}`,
    HTTP_AUTHORIZATION: `Bearer ${token}`,
  })),
  "gateway: the token in the proof's place": elsewhere((token) => ({ DPoP: token })),
  "gateway: the token in the body": attack(missing, async () => {
    const { token } = await openTask()
    const request = call(null, { "Content-Type": "application/x-www-form-urlencoded" }, "/files/a", "POST")
    return new Request(request, { method: "POST", body: `access_token=${token}` })
  }),
  "gateway: nothing at all": elsewhere(() => ({})),
  "gateway: a header with nothing in it": elsewhere(() => ({ Authorization: "" })),
  "operators: the token in the query": attack(operatorRefused(null, "missing_token"), async () => {
    const token = await accessTokenOf("operator", "cli")
    return new Request(`${US}/v1/decisions?access_token=${token}`)
  }),
  "gateway: a bound token as a bearer's": attack(callRefused({ reason: "binding_required" }), async () =>
    call(`Bearer ${(await bound()).token}`),
  ),
  "gateway: a bound token as a bearer's, beside a good proof": attack(
    callRefused({ reason: "binding_required" }),
    async () => {
      const { token } = await bound()
      return call(`Bearer ${token}`, { DPoP: await proofOf(holder, "GET", URI, token) })
    },
  ),
  "gateway: an unbound token as a bound one, beside a proof": attack(
    callRefused({ reason: "binding_absent" }),
    async () => {
      const { token } = await openTask()
      return call(`DPoP ${token}`, { DPoP: await proofOf(holder, "GET", URI, token) })
    },
  ),
  "gateway: an unbound token as a bound one": attack(callRefused({ reason: "binding_absent" }), async () =>
    call(`DPoP ${(await openTask()).token}`),
  ),
}
