/** A model behind the gateway, which costs money with each answer and gives itself away with many. */
import { replacing, type Scenario } from "../scenario.ts"
import type { Call } from "../world.ts"
import { isDone } from "./calls.ts"
import { AMY, ANN } from "./people.ts"

const complete = (tokens: number): Call => ({
  method: "POST",
  path: "/models/completions",
  body: { prompt: "Write an article.", max_tokens: tokens },
})

export const MODEL_FLOOD: Scenario = {
  name: "An agent lets a model write without end, in ever new tasks",
  control: "the budget of a model's tokens in a day",
  async work(world) {
    const session = await world.begin({ agent: "desk", person: AMY, purpose: "write-article" })
    await world.call(session, complete(4_000))
  },
  async attack(world) {
    for (let round = 1; round <= 5; round++) {
      const session = await world.begin({ agent: "desk", person: ANN, purpose: "write-article" })
      await world.call(session, complete(4_000))
    }
  },
  isReached: (deeds) => deeds.filter(({ path }) => path === "/models/completions").length > 2,
  denied: { code: "budget_exhausted", reason: "budget_spent" },
  without: { "guardrails.yaml": replacing("limit: 10000", "limit: 1000000") },
}

export const OTHER_SPELLING: Scenario = {
  name: "An agent states an amount in a spelling that those who count overlook, and the service does not",
  control: "the denial of names that a reader could take for one that is counted",
  async work(world) {
    const session = await world.begin({ agent: "desk", person: AMY, purpose: "write-article" })
    await world.call(session, complete(1_000))
  },
  async attack(world) {
    const session = await world.begin({ agent: "desk", person: ANN, purpose: "write-article" })
    const body = { prompt: "Write a book.", Max_Tokens: 1_000_000 }
    await world.call(session, { method: "POST", path: "/models/completions", body })
  },
  isReached: isDone("POST", "/models/completions"),
  denied: { code: "malformed_call", reason: "argument_variant" },
  without: { "guardrails.yaml": (text) => text.replace(/ {2}- id: model-tokens-a-day[\s\S]*?every: 1d\n/u, "") },
}
