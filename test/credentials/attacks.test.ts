/**
 * What an attacker tries with credentials, each try with the reason for which it is refused. The tries are data, one
 * file a family; the same request without its one change is answered with a token or a 200, which the first test shows.
 */
import { decodeJwt } from "jose"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { z } from "zod"
import { openTask } from "../harness/agents.ts"
import { assertionOf, besieged, ci, idJagOf, idTokenOf, ONCE_IDP, leaveSpiffeBundles } from "../harness/besieged.ts"
import { publish } from "../harness/bundles.ts"
import { asActor, asBearer, asGrant, asIdToken, call, exchange } from "../harness/attacks.ts"
import { freshIsolate } from "../harness/isolate.ts"
import { secondProvidersToken } from "../harness/issuers.ts"
import { newProofKey, proofForToken, proofOf } from "../harness/proofs.ts"
import { push } from "../harness/streams.ts"
import { BELONGS, NO_EVENTS, NOT_OFFERED } from "./attacks/kinds.ts"
import { recordOf } from "../harness/records.ts"
import { answerTo, besiege } from "../harness/siege.ts"

beforeAll(async () => {
  await freshIsolate()
  await leaveSpiffeBundles()
  await publish(await besieged())
})
afterAll(freshIsolate)

besiege(recordOf)

const holder = await newProofKey()
const issued = z.object({ access_token: z.string() })

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

test("a token of each kind is offered at the doors of all the others", () => {
  expect(NOT_OFFERED).toEqual(BELONGS)
})

test.each(NO_EVENTS)("%s is no security event", async (_name, make) => {
  const { status, decision } = await push(await make())
  expect(status).toBe(400)
  const record = await recordOf(decision)
  expect(record).toMatchObject({ decision: "deny", denial: { reason: "event_token_rejected" } })
})
