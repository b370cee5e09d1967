/** How agents work in the scenarios: what they state when they begin, and calls one after the other. For `work` and `attack`. */
import type { Call, Person, WorkRequest, World } from "../world.ts"

export const answerTicket = (person: Person): WorkRequest => ({ agent: "desk", person, purpose: "answer-ticket" })
export const giveRefund = (person: Person): WorkRequest => ({ agent: "desk", person, purpose: "refund" })
export const writeArticle = (person: Person): WorkRequest => ({ agent: "desk", person, purpose: "write-article" })

/** The agent begins, and makes these calls. */
export const calling =
  (request: WorkRequest, ...calls: readonly Call[]) =>
  async (world: World): Promise<void> => {
    const session = await world.begin(request)
    for (const call of calls) await world.call(session, call)
  }

/** The first agent begins and delegates to the second one, which makes these calls. */
export const callingBelow =
  (parent: WorkRequest, child: WorkRequest, ...calls: readonly Call[]) =>
  async (world: World): Promise<void> =>
    calling({ ...child, parent: await world.begin(parent) }, ...calls)(world)

/** The calls number 1 to `count`. */
export const times = (count: number, call: (number: number) => Call): readonly Call[] =>
  Array.from({ length: count }, (_, index) => call(index + 1))
