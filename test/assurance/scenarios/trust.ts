/** People who trust an agent too much, and people who work under an agent's name. */
import { replacing, type Scenario } from "../scenario.ts"
import type { Call, Narrowgate, Person, Session, World } from "../world.ts"
import { customer, isDone, refund, TICKETS } from "./calls.ts"
import { approvalIn, manage } from "./narrowgate.ts"
import { AMY, ANN, OLIVIA, OTTO } from "./people.ts"

const LARGE = refund("o-1", 15_000)
const begins = async (world: World, person: Person): Promise<Session> =>
  world.begin({ agent: "desk", person, purpose: "refund" })

/** Makes a call that waits for an approval, which somebody answers by `credential`; then makes `next`. */
async function callAnswered(
  world: World,
  person: Person,
  answer: (narrowgate: Narrowgate, session: Session) => Promise<string>,
  next: Call = LARGE,
): Promise<void> {
  const session = await begins(world, person)
  const denial = await world.call(session, LARGE)
  if (world.narrowgate) {
    const credential = await answer(world.narrowgate, session)
    await manage(world.narrowgate, credential, "POST", approvalIn(denial.body), { approve: true })
  }
  await world.call(session, next)
}

const smallRefund = async (world: World): Promise<void> =>
  void (await world.call(await begins(world, AMY), refund("o-2", 100)))

export const AGENT_APPROVES: Scenario = {
  name: "An agent approves of its own call",
  control: "approvals that only people can give, by a token of their own",
  work: smallRefund,
  attack: async (world) =>
    callAnswered(world, ANN, async (_, { authorization }) => authorization.slice("Bearer ".length)),
  isReached: isDone("POST", "/billing/refunds"),
  denied: { code: "invalid_token", reason: "operator_rejected" },
  without: null,
  instead: {
    words: "the same call, approved by a person who may",
    attack: async (world) => callAnswered(world, ANN, async (narrowgate) => narrowgate.person(OLIVIA)),
  },
}

export const PERSON_APPROVES_OWN: Scenario = {
  name: "The person for whom an agent works approves of what it does for them",
  control: "the approval that takes somebody else than the task's own user",
  work: smallRefund,
  attack: async (world) => callAnswered(world, OTTO, async (narrowgate) => narrowgate.person(OTTO)),
  isReached: isDone("POST", "/billing/refunds"),
  denied: { code: "policy_denied", reason: "role_missing" },
  without: { "approvers.yaml": replacing("life: 15m", "life: 15m\n    own: true") },
}

const OTHER = refund("o-of-eve", 15_000)

export const APPROVAL_IS_USED_FOR_ANOTHER: Scenario = {
  name: "An agent has a call approved, and makes another one with the approval",
  control: "the approval of one call with exactly these arguments",
  work: smallRefund,
  async attack(world) {
    await callAnswered(world, ANN, async (narrowgate) => narrowgate.person(OLIVIA), OTHER)
  },
  isReached: (deeds) => deeds.some(({ body }) => JSON.stringify(body) === JSON.stringify(OTHER.body)),
  // The call that is approved of afterwards, and the other one.
  denied: { code: "approval_required", reason: "approval_required", times: 2 },
  without: null,
  instead: {
    words: "an approval of that other call itself",
    async attack(world) {
      const session = await begins(world, ANN)
      const denial = await world.call(session, OTHER)
      const { narrowgate } = world
      if (!narrowgate) return
      const credential = await narrowgate.person(OLIVIA)
      await manage(narrowgate, credential, "POST", approvalIn(denial.body), { approve: true })
      await world.call(session, OTHER)
    },
  },
}

export const PERSON_WORKS_AS_AGENT: Scenario = {
  name: "Somebody uses an agent's own identity for work by hand, so that nobody can tell who it was",
  control: "purposes that need a person, whom the record names",
  async work(world) {
    await world.call(await world.begin({ agent: "desk", person: AMY, purpose: "answer-ticket" }), TICKETS)
  },
  async attack(world) {
    await world.call(await world.begin({ agent: "desk", purpose: "answer-ticket" }), customer("42"))
  },
  isReached: isDone("GET", "/crm/customers/42"),
  denied: { code: "unauthorized_client", reason: "user_required" },
  without: {
    "agents.yaml": replacing("description: Answer a customer's ticket.", "description: Answer.\n    user: optional"),
  },
}
