/** People who trust an agent too much, and people who work under an agent's name. */
import { replacing, type Scenario } from "../scenario.ts"
import type { Call, Narrowgate, Person, Session, World } from "../world.ts"
import { customer, isServed, refund, TICKETS } from "./calls.ts"
import { approvalIn, manage, tokenOf } from "./narrowgate.ts"
import { AMY, ANN, OLIVIA, OTTO } from "./people.ts"
import { answerTicket, calling, giveRefund } from "./work.ts"

const LARGE = refund("o-1", 15_000)
const OTHER = refund("o-of-eve", 15_000)
const smallRefund = calling(giveRefund(AMY), refund("o-2", 100))

/** Makes a call that needs an approval, which `approver` gives; then makes `next`. */
async function callApproved(
  world: World,
  person: Person,
  approver: (session: Session) => Person | string,
  call: Call = LARGE,
  next: Call = call,
): Promise<void> {
  const session = await world.begin(giveRefund(person))
  const denial = await world.call(session, call)
  if (world.narrowgate) await approve(world.narrowgate, approver(session), denial.body)
  await world.call(session, next)
}

const approve = async (narrowgate: Narrowgate, approver: Person | string, denial: string): Promise<unknown> =>
  manage(narrowgate, approver, "POST", approvalIn(denial), { approve: true })

export const AGENT_APPROVES: Scenario = {
  name: "An agent approves its own call",
  control: "approvals that only people can give, by a token of their own",
  work: smallRefund,
  attack: async (world) => callApproved(world, ANN, tokenOf),
  isReached: isServed("POST", "/billing/refunds"),
  denied: { code: "invalid_token", reason: "operator_rejected" },
  without: null,
  instead: {
    words: "the same call, approved by an approver",
    attack: async (world) => callApproved(world, ANN, () => OLIVIA),
  },
}

export const PERSON_APPROVES_OWN: Scenario = {
  name: "The person for whom an agent works approves a call of that agent",
  control: "the approval by another person than the task's own user",
  work: smallRefund,
  attack: async (world) => callApproved(world, OTTO, () => OTTO),
  isReached: isServed("POST", "/billing/refunds"),
  denied: { code: "policy_denied", reason: "own_approval" },
  without: { "approvers.yaml": replacing("life: 15m", "life: 15m\n    own: true") },
}

export const APPROVAL_IS_USED_FOR_ANOTHER: Scenario = {
  name: "An agent has a call approved, and makes another one with the approval",
  control: "the approval of one call with exactly these arguments",
  work: smallRefund,
  attack: async (world) => callApproved(world, ANN, () => OLIVIA, LARGE, OTHER),
  isReached: (requests) => requests.some(({ body }) => JSON.stringify(body) === JSON.stringify(OTHER.body)),
  // The call that is approved afterwards, and the other one.
  denied: { code: "approval_required", reason: "approval_required", times: 2 },
  without: null,
  instead: {
    words: "an approval of that other call itself",
    attack: async (world) => callApproved(world, ANN, () => OLIVIA, OTHER),
  },
}

export const PERSON_WORKS_AS_AGENT: Scenario = {
  name: "A person uses an agent's own identity for work by hand, so that no record names the person",
  control: "purposes that need a person, whom the record names",
  work: calling(answerTicket(AMY), TICKETS),
  attack: calling({ agent: "desk", purpose: "answer-ticket" }, customer("42")),
  isReached: isServed("GET", "/crm/customers/42"),
  denied: { code: "unauthorized_client", reason: "user_required" },
  without: {
    "agents.yaml": replacing("description: Answer a customer's ticket.", "description: Answer.\n    user: optional"),
  },
}
