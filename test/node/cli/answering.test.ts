/** `narrowgate approvals` at the local stack: people look at what an agent's call asks of them, and answer. */
import { appendFile, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { expect, test } from "vitest"
import { z } from "zod"
import { login, workloadIdentity } from "../../../cli/remote/local-stack-login.ts"
import { developmentKey } from "../../../cli/remote/local-stack-policies.ts"
import { CONSOLE_CLIENT } from "../../../cli/remote/local-stack.ts"
import { ownStack } from "./own-stack.ts"
import { run } from "./run.ts"

const SUPPORT = "spiffe://example.org/agent/support"
const own = ownStack(undefined, async (policies) => {
  await appendFile(
    join(policies, "guardrails.yaml"),
    "\n  - { id: second-mail, tools: [mail.send], per: task, limit: 1, within: 1h, then: approve }\n",
  )
  await writeFile(
    join(policies, "operators.yaml"),
    "operators: [{ issuer: local, subject: olivia, roles: [approver] }, { issuer: local, subject: bob, roles: [viewer] }]\n",
  )
})

const approvals = async (who: string, ...args: readonly string[]) =>
  run(own().directory, ["approvals", ...args, "--login", who, "--idp", own().stack.provider], {
    NARROWGATE_URL: own().stack.origin,
    NARROWGATE_TOKEN: "",
  })

/** A task of its own for each test. */
async function taskToken(): Promise<string> {
  const { origin, provider } = own().stack
  const session = await login({ origin: provider, user: "alice" })
  const body = new URLSearchParams({
    grant_type: "urn:ietf:params:oauth:grant-type:token-exchange",
    subject_token: session.access_token,
    subject_token_type: "urn:ietf:params:oauth:token-type:access_token",
    actor_token: await workloadIdentity({ origin: provider, id: SUPPORT, audience: origin }),
    actor_token_type: "urn:ietf:params:oauth:token-type:jwt",
    purpose: "answer-customer",
  })
  const granted: unknown = await (await fetch(`${origin}/oauth/token`, { method: "POST", body })).json()
  return z.object({ access_token: z.string() }).parse(granted).access_token
}

const refusal = z.object({
  error: z.string(),
  approval: z.object({ id: z.string(), name: z.null(), status: z.string(), uri: z.string(), url: z.string() }),
})

/** @returns null where it may pass */
async function mail(token: string, text: string): Promise<z.infer<typeof refusal> | null> {
  const headers = {
    Authorization: `Bearer ${token}`,
    "Content-Type": "application/json",
    "X-Narrowgate-Key": developmentKey("edge"),
    "X-Narrowgate-Original-Path": "/mail/messages",
  }
  const question = { method: "POST", headers, body: JSON.stringify({ to: "ann@example.org", text }) }
  const answer = await fetch(`${own().stack.origin}/authz/envoy/mail/messages`, question)
  return answer.status === 200 ? null : refusal.parse(await answer.json())
}

/** The second mail of a task asks. */
async function asked(): Promise<{ readonly token: string } & Record<"id" | "uri" | "url", string>> {
  const token = await taskToken()
  expect(await mail(token, "one")).toBeNull()
  const refused = await mail(token, "two")
  if (!refused) throw new Error("nobody was asked")
  const { id, uri, url } = refused.approval
  await expect
    .poll(async () => approvals("olivia"), { timeout: 10_000 })
    .toMatchObject({ code: 0, stdout: expect.stringContaining(id) })
  return { token, id, uri, url }
}

test("a call that waits is shown as it is, and passes once it was approved of, once", async () => {
  const { token, id } = await asked()
  const { code, stdout } = await approvals("olivia")
  expect(code).toBe(0)
  expect(stdout).toMatch(
    new RegExp(`^${id} {2}${SUPPORT}\n {2}calls {5}mail\\.send by POST in development, for \\S+\\|alice`, "m"),
  )
  expect(stdout).toContain('  with      to = "ann@example.org"\n  with      text, which is not shown\n')
  expect(stdout).toContain("  because   guardrail second-mail\n")
  const answered = await approvals("olivia", "approve", id, "--reason", "as agreed")
  expect([answered.code, answered.stdout]).toEqual([0, `${id}: approved, for 1 call\n`])
  expect(await mail(token, "three")).not.toBeNull()
  expect(await mail(token, "two")).toBeNull()
  const again = await mail(token, "two")
  expect(again?.approval.id).not.toBe(id)
})

test("for as many calls as was said", async () => {
  const { token, id } = await asked()
  const { code, stdout } = await approvals("olivia", "approve", id, "--uses", "2", "--json")
  expect(code).toBe(0)
  expect(JSON.parse(stdout)).toMatchObject({ id, status: "approved", uses: 2 })
  expect([await mail(token, "two"), await mail(token, "two")]).toEqual([null, null])
  expect(await mail(token, "two")).not.toBeNull()
})

test("what was rejected stays refused, and others are told why", async () => {
  const { token, id, uri } = await asked()
  const answered = await approvals("olivia", "reject", id, "--reason", "not twice")
  expect([answered.code, answered.stdout]).toEqual([0, `${id}: rejected\n`])
  expect((await mail(token, "two"))?.approval).toMatchObject({ id, status: "rejected" })
  const late = await approvals("olivia", "approve", id)
  expect([late.code, late.stderr]).toEqual([1, expect.stringContaining("does not wait for you")])
  const { access_token } = await login({ origin: own().stack.provider, user: "olivia", client: CONSOLE_CLIENT })
  const shown = await fetch(uri, { headers: { Authorization: `Bearer ${access_token}` } })
  expect(await shown.json()).toMatchObject({ votes: [{ approved: false, reason: "not twice" }] })
})

test.each([
  ["its own user", "alice"],
  ["who may only look", "bob"],
])("waits for nobody who may not answer: %s", async (_, who) => {
  const { token, id } = await asked()
  expect(await approvals(who)).toMatchObject({ code: 0, stdout: "Nothing waits for you.\n" })
  expect(await approvals(who, "approve", id)).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("does not wait for you"),
  })
  expect((await mail(token, "two"))?.approval).toMatchObject({ id, status: "pending" })
})

test.each([
  ["its task and id", ({ id, uri }: { id: string; uri: string }) => [id, "--task", uri.split("/").at(-3) ?? ""]],
  ["the address of its page", ({ url }: { url: string }) => [url]],
  ["its address in the API", ({ uri }: { uri: string }) => [uri]],
])("is answered without a look at the list, by %s", async (_, which) => {
  const approval = await asked()
  // The list says that it does not wait for bob; only the Worker's own answer says why.
  const denied = await approvals("bob", "approve", ...which(approval))
  expect([denied.code, denied.stderr]).toEqual([
    1,
    expect.stringMatching(/403 policy_denied: The role approver is required\. .*\n {2}fix: .* operators\.yaml\.\n$/u),
  ])
  // No role helps the person for whom the agent works.
  const own = await approvals("alice", "approve", ...which(approval))
  expect([own.code, own.stderr]).toEqual([
    1,
    expect.stringMatching(
      /403 policy_denied: Nobody approves a call .*\n {2}fix: Have another person answer it\. No role /u,
    ),
  ])
  const answered = await approvals("olivia", "approve", ...which(approval))
  expect([answered.code, answered.stdout]).toEqual([0, `${approval.id}: approved, for 1 call\n`])
})

test("what names no approval is not sent", async () => {
  const { origin } = own().stack
  for (const [args, said] of [
    [["tsk_01J8", "--task", "tsk_01J8"], "--task is for the id of a call's approval"],
    [["apr_01J8", "--task", "https://other.example/console/approvals/tsk_01J8/apr_01J8"], "--task cannot be https:"],
    [["apr_01J8", "--task", "tsk_01J8/../x"], "--task cannot be tsk_01J8/../x"],
    [[`${origin}/console/approvals`], "is no address of an approval"],
    [[`${origin}/console/tasks/tsk_01J8`], "is no address of an approval"],
    [["https://other.example/console/approvals/tsk_01J8/apr_01J8"], "Add --url https://other.example."],
  ] as const) {
    const { code, stderr } = await approvals("olivia", "approve", ...args)
    expect([code, stderr]).toEqual([2, expect.stringContaining(said)])
  }
})

test("a number of calls that is none is told before anybody is asked", async () => {
  const { code, stderr } = await approvals("olivia", "approve", "apr_01JZ0000000000000000000000", "--uses", "101")
  expect([code, stderr]).toEqual([2, expect.stringContaining("--uses cannot be 101")])
})
