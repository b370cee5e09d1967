/**
 * What an attacker tries with credentials, each try with the reason for which it is refused. The tries are data, one file
 * a family; the same request without its one change is answered with a token or a 200, which the first test shows.
 */
import { exports } from "cloudflare:workers"
import { decodeJwt } from "jose"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { z } from "zod"
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
  /** Null where none can be meant: what was let through, or no answer of ours. */
  readonly record: DecisionRecord | null
}

async function tried({ send }: Attack): Promise<Outcome> {
  const request = await send()
  const presented = await presentedIn(request)
  const { status, headers, ...response } = await answerTo(request)
  const decision = headers.get("X-Narrowgate-Decision")
  const record = status === 200 || decision === null ? null : await recordOf(decision)
  return { status, headers, ...response, presented, record }
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
    const { status, headers, text, presented, record } = outcome.value
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
    expect(record?.denial).toEqual(refused.denial)
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
  ])("%s: of ten at once one is let through", async (_what, prepare) => {
    const send = await prepare()
    const requests = await Promise.all(Array.from({ length: 10 }, send))
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
