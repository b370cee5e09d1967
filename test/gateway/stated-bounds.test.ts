/** What a denial says of a bound: what the token of the call states, to the client that presents it; of policy, nothing. */
import { expect, test } from "vitest"
import { z } from "zod"
import { openTask } from "../harness/agents.ts"
import { publish, yard } from "../harness/bundles.ts"
import { yardForEach } from "../harness/each-test.ts"
import { callWith } from "../harness/gateways.ts"
import { recordOf } from "../harness/records.ts"

yardForEach()

const detailsWith = (members: object): string =>
  JSON.stringify([{ type: "narrowgate_call", tools: ["mail.send"], actions: ["write"], ...members }])
const WITHIN = { arguments: { to: { email: ["example.org"], max_length: 40 } } }
const PLAIN = "The task's grant does not cover this call."

async function send(token: string, values: object) {
  const init = { method: "POST", body: JSON.stringify(values), headers: { "Content-Type": "application/json" } }
  const { code, decision, body } = await callWith(token, "/mail", init, "traefik")
  const { error_description: text } = z.object({ error_description: z.string() }).parse(JSON.parse(body))
  return { code, text, decision }
}

test("a denial names the argument and what the token states of it, and nothing of what was sent", async () => {
  const { token } = await openTask("first", { scope: "", authorization_details: detailsWith(WITHIN) })
  const { code, text, decision } = await send(token, { to: "<script>@evil.example" })
  expect([code, text]).toEqual([
    "insufficient_scope",
    "The task's grant covers this call only if to is no longer than 40; to is an e-mail address at example.org.",
  ])
  expect(await recordOf(decision)).toMatchObject({
    denial: { argument: "to", bound: expect.stringMatching(/^email \["example\.org"\]/) },
  })
})

test("an argument that a closed grant does not name is named in quotes, whatever it is called", async () => {
  const { token } = await openTask("first", {
    scope: "",
    authorization_details: detailsWith({ ...WITHIN, closed: true }),
  })
  const { text } = await send(token, { to: "a@example.org", "x. Allowed": 1 })
  expect(text).toBe('The task\'s grant covers this call only if it has no argument "x. Allowed".')
})

test("a bound that the token does not state is not said", async () => {
  const body = await yard()
  const purposes = body.purposes.map((each) => ({ ...each, grant: { ...each.grant, ...WITHIN } }))
  await publish({ ...body, purposes })
  const unstated = await openTask("first", { scope: "mail.send:write" })
  expect(await send(unstated.token, { to: "a@evil.example" })).toMatchObject({
    code: "insufficient_scope",
    text: PLAIN,
  })
})

test("nor is one of an argument that the catalog redacts", async () => {
  const body = await yard()
  const tools = body.tools.map((tool) => (tool.name === "mail.send" ? { ...tool, redact: ["to"] } : tool))
  await publish({ ...body, tools })
  const { token } = await openTask("first", { scope: "", authorization_details: detailsWith(WITHIN) })
  const { text, decision } = await send(token, { to: "a@evil.example" })
  expect(text).toBe(PLAIN)
  const { denial } = z.object({ denial: z.looseObject({}) }).parse(await recordOf(decision))
  expect(denial).toMatchObject({ argument: "to", bound: "email [redacted]" })
  expect(denial).not.toHaveProperty("stated")
})

test("of an argument that is only named it says what a closed grant denies within it", async () => {
  const { token } = await openTask("first", {
    scope: "",
    authorization_details: detailsWith({ arguments: { to: {}, body: {} }, closed: true }),
  })
  expect((await send(token, { body: { a: 1 } })).text).toBe(
    "The task's grant covers this call only if body has no member that no bound names.",
  )
})
