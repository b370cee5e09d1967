/** What people are asked for a task has no place in their lists once the task has ended, however it ended. */
import { env, exports } from "cloudflare:workers"
import { beforeEach, expect, test, vi } from "vitest"
import { z } from "zod"
import { Inbox, inboxOf } from "../../src/ledger/inbox.ts"
import { AUDIENCE, openChild, openTask, type OpenTask } from "../harness/agents.ts"
import { questionIn } from "../harness/approvals.ts"
import { codeFor, provenAs, redeem } from "../harness/browser.ts"
import { publish, yard } from "../harness/bundles.ts"
import { knock } from "../harness/door.ts"
import { freshIsolateForEach } from "../harness/each-test.ts"
import { callWith, type GatewayAnswer } from "../harness/gateways.ts"
import { window } from "../harness/guardrails.ts"
import { forgetCaches } from "../harness/isolate.ts"
import { IDP, svid, US } from "../harness/issuers.ts"
import { bearerOf, complete, manage } from "../harness/management.ts"

const ONCE = window(
  { id: "once", tools: ["files.read"], per: "task", limit: 1, seconds: 60 },
  { consequence: "approve" },
)
const NEVER = window(
  { id: "never", tools: ["files.list"], per: "task", limit: 1, seconds: 60 },
  { consequence: "revoke" },
)

beforeEach(async () => {
  const body = await yard()
  await publish({ ...body, guardrails: [...body.guardrails, ONCE, NEVER] }, 2)
})
freshIsolateForEach()

const read = async ({ token }: Pick<OpenTask, "token">, file: string): Promise<GatewayAnswer> =>
  callWith(token, `/files/${file}`)

async function asks(task: Pick<OpenTask, "token">): Promise<string> {
  await read(task, "one")
  return questionIn(await read(task, "two"))
}

const waiting = async (): Promise<readonly string[]> =>
  (await inboxOf(env, "operators").listCalls()).map(({ id }) => id).toSorted()
const operator = async (method: string, path: string, body: unknown = null) =>
  manage(method, path, await bearerOf("operator"), {}, body)

const ENDS: readonly (readonly [string, (task: OpenTask) => Promise<unknown>])[] = [
  ["its agent completes it", async ({ task, token }) => complete(task, `Bearer ${token}`)],
  ["its agent aborts it", async ({ task, token }) => manage("POST", `/v1/tasks/${task}/abort`, `Bearer ${token}`)],
  ["an operator ends it", async ({ task }) => complete(task, await bearerOf("operator"))],
  [
    "a call is the reason",
    async ({ token }) => {
      await callWith(token, "/files")
      await callWith(token, "/files")
    },
  ],
  [
    "an operator ends it while it is frozen",
    async ({ task }) => {
      await operator("POST", `/v1/tasks/${task}/quarantine`)
      await operator("POST", `/v1/tasks/${task}/abort`)
    },
  ],
]

test.each(ENDS)("a question about a call is in no list any more: %s", async (_how, end) => {
  const [task, other] = [await openTask("first"), await openTask("second")]
  const child = await openChild(task.token, "second")
  const questions = [await asks(task), await asks(child)]
  const left = await asks(other)
  await vi.waitFor(async () => expect(await waiting()).toEqual([...questions, left].toSorted()))
  await end(task)
  await vi.waitFor(async () => expect(await waiting()).toEqual([left]))
})

/** A task that a person has consented to at their browser, with its refresh token. */
async function consented() {
  const code = await codeFor()
  const { issued } = await redeem(code)
  return { code, token: issued?.access_token ?? "", task: issued?.task ?? "", refresh: issued?.refresh_token ?? "" }
}
type Consented = Awaited<ReturnType<typeof consented>>

const REPEATED: readonly (readonly [string, (task: Consented) => Promise<unknown>])[] = [
  ["by its token", async ({ task, token }) => complete(task, `Bearer ${token}`)],
  [
    "by its refresh token",
    async ({ refresh }) => {
      const form = { token: refresh, token_type_hint: "refresh_token", ...(await provenAs("first")) }
      const body = new URLSearchParams(form)
      const { status } = await knock(new Request(`${US}/oauth/revoke`, { method: "POST", body }))
      expect(status).toBe(200)
    },
  ],
  ["by an operator", async ({ task }) => operator("POST", `/v1/tasks/${task}/abort`)],
]

test.each(REPEATED)(
  "an end that is repeated %s asks no list again to withdraw what it has withdrawn",
  async (_by, end) => {
    const task = await consented()
    const question = await asks(task)
    await vi.waitFor(async () => expect(await waiting()).toEqual([question]))
    const withdrawals = vi.spyOn(Inbox.prototype, "removeCalls")
    await end(task)
    await vi.waitFor(async () => expect(await waiting()).toEqual([]))
    for (let turn = 0; turn < 3; turn++) await end(task)
    // Another question shows that what was to be done has been done.
    const other = await asks(await openTask("second"))
    await vi.waitFor(async () => expect(await waiting()).toEqual([other]))
    expect(withdrawals).toHaveBeenCalledTimes(1)
  },
)

test("a question of a frozen task is in no list any more once a task above it has ended", async () => {
  const root = await consented()
  const child = await openChild(root.token, "second", { scope: "files.*:read" })
  const question = await asks(child)
  await vi.waitFor(async () => expect(await waiting()).toEqual([question]))
  await operator("POST", `/v1/tasks/${child.task}/quarantine`)
  // A code that is shown twice ends its task; the frozen one below stays for an operator.
  await redeem(root.code)
  await vi.waitFor(async () => expect(await waiting()).toEqual([]))
})

test("a question of a frozen task stays, as the task may go on", async () => {
  const task = await openTask("first")
  const question = await asks(task)
  await vi.waitFor(async () => expect(await waiting()).toEqual([question]))
  await operator("POST", `/v1/tasks/${task.task}/quarantine`)
  // Another question shows that what was to be done for the first has been done.
  const other = await asks(await openTask("second"))
  await vi.waitFor(async () => expect(await waiting()).toEqual([question, other].toSorted()))
})

test("a question leaves the lists that it was put into, whoever would be asked by now", async () => {
  const task = await openTask("first")
  await asks(task)
  await vi.waitFor(async () => expect(await waiting()).toHaveLength(1))
  const body = await yard()
  await publish({ ...body, guardrails: [] }, 3)
  forgetCaches()
  await complete(task.task, `Bearer ${task.token}`)
  await vi.waitFor(async () => expect(await waiting()).toEqual([]))
})

test("the agents' questions of ended tasks keep no other question from being asked", async () => {
  const first = await openTask("first")
  for (let turn = 0; turn < 51; turn++) await read(first, `file-${turn}`)
  await vi.waitFor(async () => expect(await waiting()).toHaveLength(50))
  await complete(first.task, `Bearer ${first.token}`)
  await vi.waitFor(async () => {
    const question = await asks(await openTask("first"))
    await vi.waitFor(async () => expect(await waiting()).toContain(question), 300)
  }, 3_000)
})

test("a task that waits for consent and is ended is in its person's list no more", async () => {
  const form = {
    client_assertion: await svid("first"),
    client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    audience: AUDIENCE,
    login_hint: `${IDP}|alice`,
    scope: "openid files.*:read",
  }
  const body = new URLSearchParams(form)
  const response = await exports.default.fetch(new Request(`${US}/oauth/bc-authorize`, { method: "POST", body }))
  const { auth_req_id: id } = z.object({ auth_req_id: z.string() }).parse(await response.json())
  const task = id.slice(0, id.indexOf("."))
  const inbox = inboxOf(env, { user: `${IDP}|alice` })
  expect(await inbox.list()).toEqual([task])
  await complete(task, await bearerOf("operator"))
  await vi.waitFor(async () => expect(await inbox.list()).toEqual([]))
})
