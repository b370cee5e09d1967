/** What was meant for one place is used at another one. */
import { replacing, type Scenario } from "../scenario.ts"
import { isDone, refund, TICKETS } from "./calls.ts"
import { AMY, ANN } from "./people.ts"

export const TEST_REACHES_PRODUCTION: Scenario = {
  name: "An agent that tries things in staging gives real money back",
  control: "the environments of the purpose's grant",
  async work(world) {
    const session = await world.begin({ agent: "tester", person: AMY, purpose: "try-refund", gateway: "staging" })
    await world.call(session, { ...refund("o-1", 100), gateway: "staging" })
  },
  async attack(world) {
    const session = await world.begin({ agent: "tester", person: ANN, purpose: "try-refund" })
    await world.call(session, refund("o-1", 100))
  },
  isReached: isDone("POST", "/billing/refunds"),
  denied: { code: "insufficient_scope", reason: "environment_not_granted" },
  without: { "agents.yaml": replacing("environments: [staging]", "environments: [staging, production]") },
}

export const TOKEN_SPANS_GATEWAYS: Scenario = {
  name: "A token that was issued for staging is sent to production",
  control: "an audience of its own for each gateway",
  async work(world) {
    const session = await world.begin({ agent: "desk", person: AMY, purpose: "answer-ticket", gateway: "staging" })
    await world.call(session, { ...TICKETS, gateway: "staging" })
  },
  async attack(world) {
    const session = await world.begin({ agent: "desk", person: ANN, purpose: "answer-ticket", gateway: "staging" })
    await world.call(session, TICKETS)
  },
  isReached: isDone("GET", "/crm/tickets"),
  denied: { code: "invalid_token", reason: "audience_mismatch" },
  without: null,
  instead: {
    words: "the same call with a token for production",
    async attack(world) {
      const session = await world.begin({ agent: "desk", person: ANN, purpose: "answer-ticket" })
      await world.call(session, TICKETS)
    },
  },
}
