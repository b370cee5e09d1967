/** A person's page that is answered several times at once opens one task tree, which keeps its place as long as it lives. */
import { beforeEach, expect, test, vi } from "vitest"
import { Ledger } from "../../src/ledger/ledger.ts"
import { exchangeForm, postForm } from "../harness/agents.ts"
import { answer, formOf, query, redeem, sentTo, signedIn } from "../harness/browser.ts"
import { publish, yard } from "../harness/bundles.ts"
import { freshIsolateForEach } from "../harness/each-test.ts"
import { agentId } from "../harness/issuers.ts"

beforeEach(async () => {
  const body = await yard()
  const agents = body.agents.map((each) =>
    each.id === agentId("first") ? { ...each, trees: { live: 2, per_minute: 100 } } : each,
  )
  await publish({ ...body, agents })
})
freshIsolateForEach()

/** Of no other test: the places of one whose objects have crashed would outlive the reset of the storage. */
const newPerson = (): string => `person-${crypto.randomUUID()}`
const opens = async (person: string): Promise<string> =>
  (await postForm(await exchangeForm("first", person))).refused?.error ?? "ok"

/**
 * Of two answers of a page, the first to be sent is the last to reach the ledger: by then the other one's code has been
 * redeemed, and the tree is live.
 */
async function answeredTwice(person: string): Promise<Response> {
  const browser = await signedIn(person)
  const form = await formOf(query(), browser)
  form.set("decision", "allow")
  // oxlint-disable-next-line typescript/unbound-method -- called with the object's own `this` below
  const { ask } = Ledger.prototype
  let isFirst = true
  let isRedeemed = false
  vi.spyOn(Ledger.prototype, "ask").mockImplementation(async function (this: Ledger, ...of) {
    const waits = isFirst
    isFirst = false
    while (waits && !isRedeemed) await new Promise((resolve) => setTimeout(resolve, 10))
    return ask.apply(this, of)
  })
  const late = answer(query(), browser, form)
  await vi.waitFor(() => expect(isFirst).toBe(false))
  const back = sentTo(await answer(query(), browser, form))
  expect((await redeem(back.searchParams.get("code") ?? "")).status).toBe(200)
  isRedeemed = true
  return late
}

test("its place is not given to another as a further answer finds it live", async () => {
  const person = newPerson()
  expect((await answeredTwice(person)).status).toBe(200)
  expect([await opens(person), await opens(person)]).toEqual(["ok", "rate_limited"])
})

test("its place is not taken away after the time that an answer waits for its program", async () => {
  const person = newPerson()
  expect((await answeredTwice(person)).status).toBe(200)
  vi.useFakeTimers({ now: Date.now() + 61_000, toFake: ["Date"] })
  expect([await opens(person), await opens(person)]).toEqual(["ok", "rate_limited"])
})
