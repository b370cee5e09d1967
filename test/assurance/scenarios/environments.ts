/** What was meant for one environment is used in another one. */
import { replacing, type Scenario } from "../scenario.ts"
import type { Person, WorkRequest } from "../world.ts"
import { isServed, refund, TICKETS } from "./calls.ts"
import { AMY, ANN } from "./people.ts"
import { answerTicket, calling } from "./work.ts"

const STAGING = { gateway: "staging" }
const tryRefund = (person: Person): WorkRequest => ({ agent: "tester", person, purpose: "try-refund" })

export const TEST_REACHES_PRODUCTION: Scenario = {
  name: "An agent that tries things in staging gives a real refund",
  control: "the environments of the purpose's grant",
  work: calling({ ...tryRefund(AMY), ...STAGING }, { ...refund("o-1", 100), ...STAGING }),
  attack: calling(tryRefund(ANN), refund("o-1", 100)),
  isReached: isServed("POST", "/billing/refunds"),
  denied: { code: "insufficient_scope", reason: "environment_not_granted" },
  without: { "agents.yaml": replacing("environments: [staging]", "environments: [staging, production]") },
}

export const TOKEN_SPANS_GATEWAYS: Scenario = {
  name: "A token that was issued for staging is sent to production",
  control: "an audience of its own for each gateway",
  work: calling({ ...answerTicket(AMY), ...STAGING }, { ...TICKETS, ...STAGING }),
  attack: calling({ ...answerTicket(ANN), ...STAGING }, TICKETS),
  isReached: isServed("GET", "/crm/tickets"),
  denied: { code: "invalid_token", reason: "audience_mismatch" },
  without: null,
  instead: { words: "the same call with a token for production", attack: calling(answerTicket(ANN), TICKETS) },
}
