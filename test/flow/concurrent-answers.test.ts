/** A person's page that is answered several times at once opens one task tree, which keeps its place as long as it lives. */
import { afterEach, beforeEach, expect, test, vi } from "vitest"
import { Ledger } from "../../src/ledger/ledger.ts"
import { Openings } from "../../src/ledger/task-quota.ts"
import { exchangeForm, postForm } from "../harness/agents.ts"
import { answer, formOf, query, redeem, sentTo, signedIn } from "../harness/browser.ts"
import { publish, yard } from "../harness/bundles.ts"
import { freshIsolate } from "../harness/isolate.ts"
import { agentId } from "../harness/issuers.ts"

beforeEach(async () => {
  const body = await yard()
  const agents = body.agents.map((each) =>
    each.id === agentId("first") ? { ...each, trees: { live: 2, per_minute: 100 } } : each,
  )
  await publish({ ...body, agents })
})
afterEach(async () => {
  vi.useRealTimers()
  vi.restoreAllMocks()
  await freshIsolate()
})

/** Of no other test: the places of one whose objects have crashed would outlive the reset of the storage. */
const newPerson = (): string => `person-${crypto.randomUUID()}`
const opens = async (person: string): Promise<string> =>
  (await postForm(await exchangeForm("first", person))).refused?.error ?? "ok"

/**
 * Of two answers of a page, the first to be looked at is the last to take a place: by then the other one's code has been
 * redeemed, and the tree is live.
 */
async function answeredTwice(person: string): Promise<Response> {
  const browser = await signedIn(person)
  const form = await formOf(query(), browser)
  form.set("decision", "allow")
  // oxlint-disable-next-line typescript/unbound-method -- called with the object's own `this` below
  const { take } = Openings.prototype
  let isFirst = true
  let isRedeemed = false
  vi.spyOn(Openings.prototype, "take").mockImplementation(async function (this: Openings, ...asked) {
    const waits = isFirst
    isFirst = false
    while (waits && !isRedeemed) await new Promise((resolve) => setTimeout(resolve, 10))
    return take.apply(this, asked)
  })
  const late = answer(query(), browser, form)
  await vi.waitFor(() => expect(isFirst).toBe(false))
  const back = sentTo(await answer(query(), browser, form))
  expect((await redeem(back.searchParams.get("code") ?? "")).status).toBe(200)
  isRedeemed = true
  return late
}

test("its place is not given back as the ledger's reply to another answer is lost", async () => {
  // oxlint-disable-next-line typescript/unbound-method -- called with the object's own `this` below
  const { ask } = Ledger.prototype
  let asked = 0
  vi.spyOn(Ledger.prototype, "ask").mockImplementation(async function (this: Ledger, ...of) {
    const reply = await ask.apply(this, of)
    asked += 1
    if (asked > 1) throw new Error("the reply is lost")
    return reply
  })
  const person = newPerson()
  const late = await answeredTwice(person)
  expect([late.status, sentTo(late).searchParams.get("error")]).toEqual([503, null])
  expect([await opens(person), await opens(person)]).toEqual(["ok", "rate_limited"])
})

test("its place is not taken away after the time that an answer waits for its program", async () => {
  const person = newPerson()
  expect((await answeredTwice(person)).status).toBe(200)
  vi.useFakeTimers({ now: Date.now() + 61_000, toFake: ["Date"] })
  expect([await opens(person), await opens(person)]).toEqual(["ok", "rate_limited"])
})
