/** Single use (RFC 7523 3, 7; issuers with `single_use`): what was used once is used up, whoever shows it, wherever. */
import { decodeJwt } from "jose"
import {
  assertionOf,
  CI_ONCE,
  ci,
  idTokenOf,
  ONCE_IDP,
  robotToken,
  seconds,
  SIGNER,
  svidOf,
} from "../../harness/besieged.ts"
import { JWT, JWT_BEARER, type Form } from "../../harness/agents.ts"
import { knock } from "../../harness/door.ts"
import {
  agentRefused,
  asAccessToken,
  asActor,
  asAssertion,
  asIdToken,
  attack,
  exchange,
  subjectRefused,
  type Attacks,
} from "../../harness/attacks.ts"
import { twinOf } from "../../harness/forge.ts"
import { US } from "../../harness/issuers.ts"

async function used(request: Request): Promise<void> {
  const { status } = await knock(request)
  if (status !== 200) throw new Error(`the first use is refused: ${status}`)
}

let made = 0
/** A name that both the token and its expected record have. */
const name = (): string => `used-once-${++made}`

const agentUsed = (jti: string) => agentRefused({ reason: "used_before", jti })
const sessionUsed = (jti: string) => subjectRefused({ reason: "used_before", jti })

/** Shown as `first`, then as `second`. */
function twice(make: (jti: string) => Promise<string>, first: Show, second: Show, refused = agentUsed) {
  const jti = name()
  return attack(refused(jti), async () => {
    const token = await make(jti)
    await used(await first(token))
    return second(token)
  })
}
type Show = (token: string) => Promise<Request>

const assertion = async (jti: string) => assertionOf({ claims: { jti } })
const robot = async (jti: string) => robotToken({ claims: { iss: CI_ONCE, jti } })
const sessionWith = async (claims: Readonly<Record<string, unknown>>) =>
  idTokenOf("alice", { by: ci, claims: { iss: ONCE_IDP, ...claims } })
const session = async (jti: string) => sessionWith({ jti })
const bySecond: Show = async (token) => exchange({ subject_token: token, actor_token: await svidOf("second") })
const both = async (token: string): Promise<Request> =>
  exchange({
    actor_token: token,
    actor_token_type: JWT,
    client_assertion: token,
    client_assertion_type: JWT_BEARER,
  } satisfies Form)

const noName = (jti: unknown, because: Parameters<typeof agentRefused>[0]) =>
  attack(agentRefused(because), async () => asActor(await assertionOf({ claims: { jti } })))

const sharedName = name()
const acrossKinds = name()

export const singleUse: Attacks = {
  "client assertion used before": twice(assertion, asActor, asActor),
  "client assertion used before, in the other parameter": twice(assertion, asActor, asAssertion),
  "client assertion used before, in the first parameter": twice(assertion, asAssertion, asActor),
  "client assertion used before, with its signature's twin": twice(assertion, asAssertion, async (token) =>
    asAssertion(twinOf(token)),
  ),
  "client assertion used before, for another user": twice(assertion, asAssertion, async (token) =>
    exchange({ actor_token: token, subject_token: await idTokenOf("bob") }),
  ),
  "client assertion used before, for nobody": twice(assertion, asAssertion, async (token) =>
    exchange({
      actor_token: token,
      subject_token: undefined,
      subject_token_type: undefined,
      grant_type: "client_credentials",
      purpose: "alone",
    }),
  ),
  "client assertion as both at once": attack(agentUsed(sharedName), async () => both(await assertion(sharedName))),
  "client assertion made anew by the same name": attack(agentUsed(acrossKinds), async () => {
    await used(await asActor(await assertion(acrossKinds)))
    return asActor(await assertionOf({ claims: { jti: acrossKinds, exp: seconds() + 600 } }))
  }),
  "client assertion of no name": noName(undefined, { reason: "claim_missing", claim: "jti" }),
  "client assertion of an empty name": noName("", { reason: "claim_mismatch", claim: "jti" }),
  "client assertion of a name too long": noName("j".repeat(257), { reason: "claim_mismatch", claim: "jti" }),
  "client assertion whose name is a number": noName(1, { reason: "claim_mismatch", claim: "jti" }),
  "client assertion whose name is a list": noName([SIGNER], { reason: "claim_mismatch", claim: "jti" }),
  "workload's token used before": twice(robot, asActor, asActor),
  "workload's token used before, in the other parameter": twice(robot, asActor, asAssertion),
  "workload's token of no name": attack(agentUsed(""), async () =>
    asActor(await robotToken({ claims: { iss: CI_ONCE, jti: undefined } })),
  ),
  "workload's token whose name is a number": attack(agentUsed(""), async () =>
    asActor(await robotToken({ claims: { iss: CI_ONCE, jti: 1 } })),
  ),
  "session used before": twice(session, asIdToken, asIdToken, sessionUsed),
  "session used before, by another agent": twice(session, asIdToken, bySecond, sessionUsed),
  "session used before, with its signature's twin": twice(
    session,
    asIdToken,
    async (token) => asIdToken(twinOf(token)),
    sessionUsed,
  ),
  "session used before, as an access token by the same name": twice(
    session,
    asIdToken,
    async (token) => {
      const { jti } = decodeJwt(token)
      const claims = { iss: ONCE_IDP, jti, aud: US, client_id: "app" }
      return asAccessToken(await idTokenOf("alice", { by: ci, header: { typ: "at+jwt" }, claims }))
    },
    sessionUsed,
  ),
  "session of no name": attack(sessionUsed(""), async () => asIdToken(await sessionWith({ jti: undefined }))),
  "session of an empty name": attack(sessionUsed(""), async () => asIdToken(await sessionWith({ jti: "" }))),
  "session whose name is a number": attack(subjectRefused({ reason: "claim_mismatch", claim: "jti" }), async () =>
    asIdToken(await sessionWith({ jti: 1 })),
  ),
  "session of a name too long": attack(subjectRefused({ reason: "claim_mismatch", claim: "jti" }), async () =>
    asIdToken(await sessionWith({ jti: "j".repeat(257) })),
  ),
}
