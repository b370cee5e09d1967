/**
 * Requests that did not come as the gateway let them through, as data: which token they present, what else they change,
 * and how a service answers.
 */
import { exportJWK, generateKeyPair, SignJWT, UnsecuredJWT, type JWTPayload } from "jose"
import { JSON_TYPE, type Behind, type Request } from "./behind.ts"

/** The allowed call that all of them start from. */
export const NOTE: Request = {
  method: "POST",
  target: "/crm/tickets/42/notes",
  headers: JSON_TYPE,
  body: JSON.stringify({ text: "call back", amount: 10.5, tags: ["ü", "\u2028"], secret: "0417" }),
}

/** What an attacker can have. */
export interface Loot {
  readonly behind: Behind
  /** Real tokens for the call above, each fresh. */
  readonly real: () => Promise<string>
  /** The claims and the header of a real token, signed anew by a key of the attacker's. */
  readonly forged: (change?: Forgery) => Promise<string>
}

interface Forgery {
  readonly header?: Readonly<Record<string, unknown>>
  readonly claims?: JWTPayload
  readonly unsecured?: true
}

export interface Attack {
  readonly name: string
  readonly token: (loot: Loot) => Promise<string | null>
  readonly request?: Partial<Request>
  readonly answer: readonly [status: number, code: string]
  /** Where `express.json()` stands before the middleware: null, if that refuses the body in its own words. */
  readonly afterParser?: readonly [status: number, code: string | null]
}

const told = (headers: Headers): string => headers.get("Txn-Token") ?? ""
const real = async (loot: Loot): Promise<string> => loot.real()

export const ATTACKS: readonly Attack[] = [
  { name: "no token", token: async () => null, answer: [401, "missing_token"] },
  { name: "an empty token, as of a gateway that wants none", token: async () => "", answer: [401, "missing_token"] },
  { name: "garbage", token: async () => "a.b.c", answer: [401, "invalid_token"] },
  {
    name: "two tokens in one header",
    token: async (loot) => `${await loot.real()}, ${await loot.real()}`,
    answer: [401, "invalid_token"],
  },
  {
    name: "a token of nine kilobytes",
    token: async ({ forged }) => forged({ claims: { more: "x".repeat(6_300) } }),
    request: { headers: JSON_TYPE },
    answer: [401, "invalid_token"],
  },
  { name: "alg none", token: async ({ forged }) => forged({ unsecured: true }), answer: [401, "invalid_token"] },
  {
    name: "another key under the real key's id",
    token: async ({ forged }) => forged(),
    answer: [401, "invalid_token"],
  },
  {
    name: "a key that nobody publishes",
    token: async ({ forged }) => forged({ header: { kid: "mine" } }),
    answer: [401, "invalid_token"],
  },
  {
    name: "a key that comes with the token",
    token: async ({ forged }) => forged({ header: { jwk: await ownJwk(), jku: "http://127.0.0.1:1/jwks" } }),
    answer: [401, "invalid_token"],
  },
  {
    name: "a header that has to be understood",
    token: async ({ forged }) => forged({ header: { crit: ["x"], x: 1 } }),
    answer: [401, "invalid_token"],
  },
  {
    name: "the delegation token, which Narrowgate has signed too",
    token: async ({ behind }) => behind.token,
    answer: [401, "invalid_token"],
  },
  {
    name: "its signature cut off",
    token: async (loot) => (await loot.real()).replace(/[^.]*$/, ""),
    answer: [401, "invalid_token"],
  },
  {
    name: "for another audience",
    token: async ({ behind }) => told(await behind.allowed(NOTE, "elsewhere")),
    answer: [401, "wrong_audience"],
  },
  {
    name: "of another tool",
    token: async ({ behind }) => told(await behind.allowed({ method: "GET", target: "/crm/tickets/42" })),
    answer: [403, "tool_mismatch"],
  },
  {
    name: "another argument in the body",
    token: real,
    request: body({ text: "pay" }),
    answer: [403, "arguments_mismatch"],
  },
  {
    name: "one argument more",
    token: real,
    request: { body: NOTE.body?.replace("{", '{"cc":"evil",') ?? "" },
    answer: [403, "arguments_mismatch"],
  },
  {
    name: "a number that only looks alike",
    token: real,
    request: { body: NOTE.body?.replace("10.5", '"10.5"') ?? "" },
    answer: [403, "arguments_mismatch"],
  },
  {
    name: "another argument in the path",
    token: real,
    request: { target: "/crm/tickets/43/notes" },
    answer: [403, "arguments_mismatch"],
  },
  {
    name: "another argument in the query",
    token: real,
    request: { target: "/crm/tickets/42/notes?as=admin" },
    answer: [403, "arguments_mismatch"],
  },
  { name: "no body", token: real, request: { body: "", headers: {} }, answer: [403, "arguments_mismatch"] },
  {
    name: "the body under a type that nobody reads",
    token: real,
    request: { headers: { "Content-Type": "text/plain" } },
    answer: [403, "arguments_mismatch"],
  },
  {
    name: "a body that nobody reads, where there was none",
    token: async ({ behind }) => told(await behind.allowed({ ...NOTE, headers: {}, body: "" })),
    request: { headers: { "Content-Type": "text/plain" } },
    answer: [403, "arguments_mismatch"],
  },
  {
    name: "an argument twice",
    token: real,
    request: { body: '{"text":"pay","text":"call back"}' },
    answer: [400, "malformed_call"],
    // It keeps one of the two, and that is what the handler reads.
    afterParser: [403, "arguments_mismatch"],
  },
  {
    name: "a body that is no JSON",
    token: real,
    request: { body: "{" },
    answer: [400, "malformed_call"],
    afterParser: [400, null],
  },
  {
    name: "a body that is encoded",
    token: real,
    request: { headers: { ...JSON_TYPE, "Content-Encoding": "gzip" } },
    answer: [400, "malformed_call"],
    afterParser: [400, null],
  },
  {
    name: "a body of more than a mebibyte",
    token: real,
    request: { body: JSON.stringify({ text: "x".repeat(1_100_000) }) },
    answer: [413, "body_too_long"],
    afterParser: [413, null],
  },
  {
    name: "arguments that the gateway did not show",
    token: async ({ behind }) => told(await behind.allowed({ ...NOTE, body: "" }, "blind")),
    answer: [403, "arguments_unseen"],
  },
  {
    name: "a path that is read in two ways",
    token: real,
    request: { target: "/crm/tickets/4%2f2/notes" },
    answer: [400, "malformed_call"],
  },
  {
    name: "the path in another case",
    token: real,
    request: { target: "/CRM/tickets/42/notes" },
    answer: [403, "tool_mismatch"],
  },
  { name: "a slash more", token: real, request: { target: "/crm/tickets/42/notes/" }, answer: [403, "tool_mismatch"] },
  { name: "another method", token: real, request: { method: "PATCH" }, answer: [403, "tool_mismatch"] },
  {
    name: "another method in a header",
    token: real,
    request: { method: "DELETE", body: "", headers: { "X-HTTP-Method-Override": "POST" } },
    answer: [400, "malformed_call"],
  },
  {
    name: "a header that makes another method of the allowed one",
    token: real,
    request: { headers: { "X-HTTP-Method-Override": "DELETE" } },
    answer: [400, "malformed_call"],
  },
  { name: "a route that is no tool", token: real, request: { target: "/admin" }, answer: [403, "tool_mismatch"] },
  {
    name: "identity headers, and no token",
    token: async () => null,
    request: { headers: { ...JSON_TYPE, "X-Narrowgate-Agent": "spiffe://example.org/agent/support" } },
    answer: [401, "missing_token"],
  },
]

function body(changed: object): Partial<Request> {
  return { body: JSON.stringify({ ...JSON.parse(NOTE.body ?? "{}"), ...changed }) }
}

async function ownJwk(): Promise<unknown> {
  return exportJWK((await generateKeyPair("ES256")).publicKey)
}

export function lootOf(behind: Behind): Loot {
  const fresh = async (): Promise<string> => told(await behind.allowed(NOTE))
  return {
    behind,
    real: fresh,
    async forged({ header = {}, claims = {}, unsecured } = {}) {
      const [head = "", payload = ""] = (await fresh())
        .split(".")
        .map((part) => Buffer.from(part, "base64url").toString())
      const whole = { ...JSON.parse(payload), ...claims }
      if (unsecured) return new UnsecuredJWT(whole).encode()
      const { privateKey } = await generateKeyPair("ES256")
      return new SignJWT(whole)
        .setProtectedHeader({ ...JSON.parse(head), ...header })
        .sign(privateKey, { crit: { x: true } })
    },
  }
}
