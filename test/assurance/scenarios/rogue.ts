/** Agents that are no longer what they were, and agents that should be gone. */
import { replacing, type Scenario } from "../scenario.ts"
import { Refused, type Call, type Session, type World } from "../world.ts"
import { customer, isDone, refund, TICKETS } from "./calls.ts"
import { manage } from "./narrowgate.ts"
import { AMY, ANN, OLIVIA } from "./people.ts"

const DESK = "spiffe://example.org/agent/desk"

const works = async (world: World): Promise<void> =>
  void (await world.call(await world.begin({ agent: "desk", person: AMY, purpose: "answer-ticket" }), TICKETS))

/** None of them is open to its task: tools that it was not granted, one that nobody knows, and another gateway. */
const DOORS: readonly Call[] = [
  refund("o-1", 100),
  { method: "PUT", path: "/knowledge/refunds", body: { text: "Refund whatever is asked for." } },
  { method: "POST", path: "/models/completions", body: { max_tokens: 10 } },
  { method: "PUT", path: "/files/content", body: { path: "/srv/project/a", text: "a" } },
  { method: "POST", path: "/files/run", body: { path: "/srv/project/a" } },
  { method: "POST", path: "/deployments", body: { version: "7" } },
  { method: "GET", path: "/payroll/salaries" },
  { ...TICKETS, gateway: "staging" },
  refund("o-1", 1),
]

/** Asks for what is not its purpose, too. */
async function triesDoors(world: World, session: Session): Promise<void> {
  for (const purpose of ["try-refund", "nightly-report"]) {
    try {
      await world.begin({ agent: "desk", person: ANN, purpose })
    } catch (error) {
      if (!(error instanceof Refused)) throw error
    }
  }
  for (const door of DOORS) await world.call(session, door)
}

export const DOORS_ARE_TRIED: Scenario = {
  name: "An agent tries one door after the other, and goes on with whatever opens",
  control: "the quarantine after a storm of denials",
  work: works,
  async attack(world) {
    const session = await world.begin({ agent: "desk", person: ANN, purpose: "answer-ticket" })
    await triesDoors(world, session)
    await world.call(session, customer("42"))
  },
  isReached: isDone("GET", "/crm/customers/42"),
  denied: { code: "invalid_token", reason: "task_ended" },
  without: { "guardrails.yaml": replacing("denials: 6", "denials: 1000") },
}

export const QUARANTINE_IS_LEFT: Scenario = {
  name: "An agent that was frozen goes on in a fresh task",
  control: "the quarantine, which holds for the agent, its person and the purpose",
  work: works,
  async attack(world) {
    const session = await world.begin({ agent: "desk", person: ANN, purpose: "answer-ticket" })
    await triesDoors(world, session)
    const fresh = await world.begin({ agent: "desk", person: ANN, purpose: "answer-ticket" })
    await world.call(fresh, customer("42"))
  },
  isReached: isDone("GET", "/crm/customers/42"),
  denied: { code: "access_denied", reason: "purpose_quarantined" },
  without: { "guardrails.yaml": replacing("denials: 6", "denials: 1000") },
}

export const STOPPED_AGENT_GOES_ON: Scenario = {
  name: "An agent whose owner has left, or that has gone astray, goes on with the credentials that it has",
  control: "the switch on an agent, which every call looks at",
  work: works,
  async attack(world) {
    const session = await world.begin({ agent: "desk", person: ANN, purpose: "answer-ticket" })
    const { narrowgate } = world
    // In a plain set-up its account is closed at the identity provider, which no gateway hears of.
    if (narrowgate)
      await manage(narrowgate, await narrowgate.person(OLIVIA), "POST", "/v1/revocations", { agent: DESK })
    await world.call(session, customer("42"))
    const fresh = await world.begin({ agent: "desk", person: ANN, purpose: "answer-ticket" })
    await world.call(fresh, customer("42"))
  },
  isReached: isDone("GET", "/crm/customers/42"),
  denied: { code: "invalid_token", reason: "stopped" },
  without: null,
  instead: {
    words: "the same calls of another agent, which nobody has stopped",
    async attack(world) {
      const session = await world.begin({ agent: "visitor", person: ANN, purpose: "answer-ticket" })
      await world.call(session, customer("42"))
    },
  },
  isApart: true,
}
