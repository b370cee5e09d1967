/** Agents that no longer do their work, and agents that should no longer work. */
import { TaskDenied } from "../../../testing/index.ts"
import { replacing, type Scenario } from "../scenario.ts"
import type { Call, Session, World } from "../world.ts"
import { article, customer, DEPLOY, isServed, refund, runFile, TICKETS, writeFile } from "./calls.ts"
import { manage } from "./narrowgate.ts"
import { AMY, ANN, OLIVIA } from "./people.ts"
import { answerTicket, calling } from "./work.ts"

const DESK = "spiffe://example.org/agent/desk"

/** The task may make none of these: tools that it was not granted, one that is in no catalog, and another gateway. */
const PROBES: readonly Call[] = [
  refund("o-1", 100),
  article("refunds", "Refund whatever is asked for."),
  { method: "POST", path: "/models/completions", body: { max_tokens: 10 } },
  writeFile("/srv/project/a", "a"),
  runFile("/srv/project/a"),
  DEPLOY,
  { method: "GET", path: "/payroll/salaries" },
  { ...TICKETS, gateway: "staging" },
  refund("o-1", 1),
]

/** A task that probes; the agent also requests tasks for purposes that are not its own. */
async function probing(world: World): Promise<Session> {
  const session = await world.begin(answerTicket(ANN))
  for (const purpose of ["try-refund", "nightly-report"]) {
    try {
      await world.begin({ ...answerTicket(ANN), purpose })
    } catch (error) {
      if (!(error instanceof TaskDenied)) throw error
    }
  }
  for (const call of PROBES) await world.call(session, call)
  return session
}

export const TOOLS_ARE_PROBED: Scenario = {
  name: "An agent tries one tool after the other, and goes on with what it can call",
  control: "the quarantine after a storm of denials",
  work: calling(answerTicket(AMY), TICKETS),
  attack: async (world) => void (await world.call(await probing(world), customer("42"))),
  isReached: isServed("GET", "/crm/customers/42"),
  denied: { code: "invalid_token", reason: "task_ended" },
  without: { "guardrails.yaml": replacing("denials: 6", "denials: 1000") },
}

export const QUARANTINE_IS_LEFT: Scenario = {
  name: "An agent whose task was quarantined goes on in a fresh one",
  control: "the quarantine, which holds for the agent, its person and the purpose",
  work: calling(answerTicket(AMY), TICKETS),
  async attack(world) {
    await probing(world)
    await calling(answerTicket(ANN), customer("42"))(world)
  },
  isReached: isServed("GET", "/crm/customers/42"),
  denied: { code: "access_denied", reason: "purpose_quarantined" },
  without: { "guardrails.yaml": replacing("denials: 6", "denials: 1000") },
}

export const REVOKED_AGENT_GOES_ON: Scenario = {
  name: "An agent whose owner has left, or that has gone astray, goes on with the credentials that it has",
  control: "the revocation of an agent, which every call checks",
  work: calling(answerTicket(AMY), TICKETS),
  async attack(world) {
    const session = await world.begin(answerTicket(ANN))
    const { narrowgate } = world
    // In a plain set-up its account is closed at the identity provider, which the gateway does not ask.
    if (narrowgate) await manage(narrowgate, OLIVIA, "POST", "/v1/revocations", { agent: DESK })
    await world.call(session, customer("42"))
    await calling(answerTicket(ANN), customer("42"))(world)
  },
  isReached: isServed("GET", "/crm/customers/42"),
  denied: { code: "invalid_token", reason: "stopped" },
  without: null,
  instead: {
    words: "the same calls of another agent, which is not revoked",
    attack: calling({ ...answerTicket(ANN), agent: "visitor" }, customer("42")),
  },
  needsOwnNarrowgate: true,
}
