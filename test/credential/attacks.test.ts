/**
 * What an attacker tries with credentials, each try with the reason for which it is refused. The tries are data, one file
 * a family; the same request without its one change is answered with a token or a 200, which the first test shows.
 */
import { exports } from "cloudflare:workers"
import { decodeJwt } from "jose"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { z } from "zod"
import { MAX_TOKEN_LENGTH } from "../../src/credential/compact.ts"
import { sha256Hex } from "../../src/hash.ts"
import type { DecisionRecord } from "../../src/audit/record.ts"
import { openTask } from "../harness/agents.ts"
import { assertionOf, besieged, ci, idJagOf, idTokenOf, ONCE_IDP, leaveSpiffeBundles } from "../harness/besieged.ts"
import { publish } from "../harness/bundles.ts"
import { asActor, asBearer, asGrant, asIdToken, call, exchange, type Attack, type Attacks } from "../harness/attacks.ts"
import { freshIsolate } from "../harness/isolate.ts"
import { secondProvidersToken } from "../harness/issuers.ts"
import { newProofKey, proofForToken, proofOf } from "../harness/proofs.ts"
import { recordOf } from "../harness/records.ts"
import { algorithms } from "./attacks/algorithms.ts"
import { assertions } from "./attacks/assertions.ts"
import { audiences } from "./attacks/audiences.ts"
import { authorization } from "./attacks/authorization.ts"
import { encodings } from "./attacks/encodings.ts"
import { handovers } from "./attacks/handovers.ts"
import { headers } from "./attacks/headers.ts"
import { HONEST } from "./attacks/honest.ts"
import { issuers } from "./attacks/issuers.ts"
import { keys } from "./attacks/keys.ts"
import { kinds } from "./attacks/kinds.ts"
import { proofs } from "./attacks/proofs.ts"
import { singleUse } from "./attacks/single-use.ts"
import { stepUp } from "./attacks/step-up.ts"
import { tasks } from "./attacks/tasks.ts"
import { times } from "./attacks/times.ts"
import { workloadSubjects } from "./attacks/workloads.ts"

beforeAll(async () => {
  await freshIsolate()
  await leaveSpiffeBundles()
  await publish(await besieged())
})
afterAll(freshIsolate)

const FAMILIES = {
  algorithms,
  headers,
  kinds,
  audiences,
  issuers,
  workloadSubjects,
  times,
  encodings,
  authorization,
  proofs,
  singleUse,
  assertions,
  stepUp,
  handovers,
  tasks,
  keys,
}

const holder = await newProofKey()

const issued = z.object({ access_token: z.string() })
const refusal = z.strictObject({ error: z.string(), error_description: z.string(), decision_id: z.string() })

/** What of a request may be a credential, each as it would be hashed. */
async function credentialsIn(request: Request): Promise<readonly string[]> {
  const { headers } = request
  const form = new URLSearchParams(new TextDecoder().decode(await request.clone().bytes()))
  const shown = (headers.get("authorization") ?? "").replace(/^\S+ +/, "")
  return [shown, headers.get("dpop") ?? "", ...form.values()]
}

const hashed = z.looseObject({ hash: z.string().optional() })
const evidence = hashed.extend({ because: hashed.nullish() })

/** The hash of the credential that is refused, and what else the record has as evidence. */
function splitHash(denial: unknown): { readonly hash: string | null; readonly rest: unknown } {
  const { because, hash, ...rest } = evidence.parse(denial)
  if (because === undefined) return { hash: hash ?? null, rest }
  if (because === null) return { hash: null, rest: { because, ...rest } }
  const { hash: inner, ...reason } = because
  return { hash: inner ?? null, rest: { because: reason, ...rest } }
}

/** Of a call's refusals those in which one credential is refused, not what it is shown for or how often. */
const OF_CALLS = new Set(["token_malformed", "token_rejected", "token_expired", "audience_mismatch", "proof_rejected"])
/** Of a request's all but those in which none is refused: there is none, it was used before, it is shown in the wrong way. */
const NONE = new Set(["credential_missing", "used_before", "binding_required", "binding_absent", "proof_replayed"])

const reasons = z.looseObject({ reason: z.string(), typ: z.string().nullish() })
const refusedFor = reasons.extend({ because: reasons.nullish() })
function isHashed(denial: unknown): boolean {
  const { reason, because } = refusedFor.parse(denial)
  if (!because) return OF_CALLS.has(reason)
  // What the form says about a good one.
  const isOfForm = because.typ === "client_assertion_type" || because.reason === "client_mismatch"
  return !NONE.has(because.reason) && !(reason === "agent_unauthenticated" && isOfForm)
}

/** Everything of a request in which a token may stand. */
async function presentedIn(request: Request): Promise<string> {
  const { headers, url } = request
  return [
    new URL(url).search,
    headers.get("authorization"),
    headers.get("dpop"),
    new TextDecoder().decode(await request.clone().bytes()),
  ].join(" ")
}

/** Parts of the tokens presented that come back. */
function leaked(presented: string, shown: string): readonly string[] {
  // A task's name is no secret.
  const runs = shown.replaceAll(/tsk_\w+/g, "").match(/[A-Za-z0-9_-]{20,}/g) ?? []
  const pieces = runs.flatMap((run) => Array.from({ length: run.length - 19 }, (_, at) => run.slice(at, at + 20)))
  return pieces.filter((piece) => presented.includes(piece))
}

describe("what the attacks start from", () => {
  test.each(Object.entries(HONEST))("%s", async (_what, send) => {
    const { status, text } = await answerTo(await send())
    expect(status, text).toBe(200)
  })
})

interface Outcome {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  readonly presented: string
  readonly credentials: readonly string[]
  /** Null where none can be meant: what was let through, or no answer of ours. */
  readonly record: DecisionRecord | null
}

async function tried({ send }: Attack): Promise<Outcome> {
  const request = await send()
  const presented = await presentedIn(request)
  const credentials = await credentialsIn(request)
  const { status, headers, ...response } = await answerTo(request)
  const decision = headers.get("X-Narrowgate-Decision")
  const record = status === 200 || decision === null ? null : await recordOf(decision)
  return { status, headers, ...response, presented, credentials, record }
}

async function answerTo(request: Request): Promise<Pick<Outcome, "status" | "headers" | "text">> {
  const response = await exports.default.fetch(request)
  return { status: response.status, headers: response.headers, text: await response.text() }
}

/** So many at once: their records arrive together, and none is dropped. */
const AT_ONCE = 40

describe.each(Object.entries(FAMILIES))("%s", (_family, attacks: Attacks) => {
  const outcomes = new Map<string, PromiseSettledResult<Outcome>>()

  beforeAll(async () => {
    const all = Object.entries(attacks)
    for (let at = 0; at < all.length; at += AT_ONCE) {
      const some = all.slice(at, at + AT_ONCE)
      const settled = await Promise.allSettled(some.map(async ([, each]) => tried(each)))
      for (const [index, [what]] of some.entries()) {
        const outcome = settled[index]
        if (outcome) outcomes.set(what, outcome)
      }
    }
  }, 60_000)

  test.each(Object.entries(attacks))("%s", (what, { refused }) => {
    const outcome = outcomes.get(what)
    if (outcome?.status !== "fulfilled") throw new Error(`not tried: ${what}`, { cause: outcome?.reason })
    const { status, headers, text, presented, credentials, record } = outcome.value
    const { code } = refused
    expect({ status, code: headers.get("X-Narrowgate-Code") }, status === 200 ? "let through" : text).toEqual({
      status: refused.status,
      code,
    })
    const answer = refusal.parse(JSON.parse(text))
    expect(answer.error).toBe(code)
    expect(headers.get("Cache-Control")).toBe("no-store")
    expect(headers.get("WWW-Authenticate")).toEqual(status === 401 ? expect.stringMatching(/^(?:Bearer|DPoP)/) : null)
    expect(record).toMatchObject({ id: answer.decision_id, decision: "deny", code })
    const { hash, rest } = splitHash(record?.denial)
    expect(rest).toEqual(refused.denial)
    const short = credentials.filter(({ length }) => length <= MAX_TOKEN_LENGTH)
    const hashes = short.map((credential) => sha256Hex(credential).slice(0, 16))
    if (isHashed(refused.denial) && short.length === credentials.length) expect(hashes).toContain(hash)
    else expect(hash).toBeNull()
    // Generic on the wire: neither why a signature failed nor where; in answer and record no part of a token.
    expect(text.replace(answer.decision_id, "")).not.toMatch(/JWS|JWT|signature|stack|\.ts\b|Error|\bat \S+:\d+/)
    expect(JSON.stringify(record)).not.toMatch(/\.ts:\d+|\bat \S+:\d+/)
    expect(leaked(presented, text + JSON.stringify(record))).toEqual([])
  })
})

const sameFor = (token: string, show: (token: string) => Promise<Request>) => async (): Promise<Request> => show(token)

describe("single use under a race", () => {
  test.each<readonly [string, () => Promise<() => Promise<Request>>]>([
    ["client assertion", async () => sameFor(await assertionOf(), asActor)],
    ["session", async () => sameFor(await idTokenOf("alice", { by: ci, claims: { iss: ONCE_IDP } }), asIdToken)],
    ["ID-JAG", async () => sameFor(await idJagOf("alice"), asGrant)],
    [
      "proof at the token endpoint",
      async () => sameFor(await proofForToken(holder), async (DPoP) => exchange({}, { DPoP })),
    ],
    [
      "proof at the gateway",
      async () => {
        const { token } = await openTask("first", {}, await proofForToken(holder))
        const proof = await proofOf(holder, "GET", "https://api.test/files/a", token)
        return sameFor(proof, async (DPoP) => call(`DPoP ${token}`, { DPoP }))
      },
    ],
  ])("%s: of two hundred at once one is let through", async (_what, prepare) => {
    const send = await prepare()
    const requests = await Promise.all(Array.from({ length: 200 }, send))
    const statuses = (await Promise.all(requests.map(answerTo))).map(({ status }) => status)
    expect(statuses.filter((status) => status === 200)).toHaveLength(1)
  })
})

describe("two providers' users of one name", () => {
  test("are two users, in the token and in the record", async () => {
    const seen = await Promise.all(
      [await idTokenOf("42"), await secondProvidersToken("42")].map(async (token) => {
        const { access_token } = issued.parse(JSON.parse((await answerTo(await asIdToken(token))).text))
        const { status, headers } = await answerTo(asBearer(access_token))
        expect(status).toBe(200)
        const { user } = await recordOf(headers.get("X-Narrowgate-Decision") ?? "")
        return { sub: decodeJwt(access_token).sub, user, shown: headers.get("X-Narrowgate-User") }
      }),
    )
    const [one, other] = ["https://idp.test|42", "https://second.test|42"]
    expect(seen.map(({ sub }) => sub)).toEqual([one, other])
    expect(seen.map(({ user }) => user)).toEqual([one, other])
    expect(new Set(seen.map(({ shown }) => shown)).size).toBe(2)
  })
})
