/** A person, never an agent, takes labels off what an agent carries. */
import { expect, test } from "vitest"
import { openChild, openTask, openTaskFor, type OpenTask } from "../harness/agents.ts"
import { publish, yard } from "../harness/bundles.ts"
import { yardForEach } from "../harness/each-test.ts"
import { killObjects } from "../harness/isolate.ts"
import { agentId, IDP } from "../harness/issuers.ts"
import { CONFIDENTIAL, read, send } from "../harness/labelled-calls.ts"
import { bearerOf, complete, manage, viewOf } from "../harness/management.ts"
import { recordOf } from "../harness/records.ts"

yardForEach()

const clear = async ({ task }: OpenTask, body: object | null = null, bearer?: string) =>
  manage("POST", `/v1/tasks/${task}/labels/clear`, bearer ?? (await bearerOf("operator")), {}, body)

test("an operator clears what a tree bears and its agent carries, for good and on the record", async () => {
  const [reading, before] = [await openTask(), await openTask()]
  expect(await read(reading)).toBe("ok")
  expect(await viewOf(before.task)).toMatchObject({ labels: [], carried: [CONFIDENTIAL] })
  const { status, json, headers } = await clear(reading, { reason: "a test record" })
  expect([status, json]).toEqual([200, { task: reading.task, cleared: [CONFIDENTIAL] }])
  await killObjects()
  expect(await viewOf(before.task)).toMatchObject({ labels: [], carried: [] })
  expect([await send(reading), await send(before), await send(await openTask())]).toEqual(["ok", "ok", "ok"])
  expect(await recordOf(headers.get("X-Narrowgate-Decision") ?? "")).toMatchObject({
    kind: "management",
    decision: "allow",
    operator: `${IDP}|operator`,
    task: reading.task,
    chain: [agentId("first")],
    user: `${IDP}|alice`,
    arguments: { reason: "a test record" },
    labels: [CONFIDENTIAL],
  })
  expect((await clear(reading)).json).toEqual({ task: reading.task, cleared: ["sink:external"] })
  expect((await clear(reading)).json).toEqual({ task: reading.task, cleared: [] })
  expect(await read(reading)).toBe("ok")
  expect(await send(await openTask())).toBe("policy_denied")
})

test("nobody else does, least of all the agent itself", async () => {
  const reading = await openTask()
  expect(await read(reading)).toBe("ok")
  const bearers = [`Bearer ${reading.token}`, await bearerOf("viewer"), await bearerOf("approver")]
  const statuses = await Promise.all(bearers.map(async (bearer) => (await clear(reading, null, bearer)).status))
  expect(statuses).toEqual([401, 403, 403])
  expect((await clear({ ...reading, task: `${reading.task}.7` })).status).toBe(404)
  expect((await clear(reading, { labels: [] })).status).toBe(400)
  expect(await send(reading)).toBe("policy_denied")
})

test("only the labels that it names", async () => {
  const body = await yard()
  const tools = body.tools.map((tool) =>
    tool.name === "vault.read" ? { ...tool, labels: [...tool.labels, "reads:personal"] } : tool,
  )
  await publish({ ...body, tools })
  const reading = await openTask()
  expect(await read(reading)).toBe("ok")
  const { json } = await clear(reading, { labels: ["reads:personal", "reads:nothing"] })
  expect(json).toEqual({ task: reading.task, cleared: ["reads:personal"] })
  expect(await viewOf(reading.task)).toMatchObject({ labels: [CONFIDENTIAL], carried: [] })
  expect((await viewOf((await openTask()).task)).carried).toEqual([CONFIDENTIAL])
})

test("neither of an agent that is not of the task's chain, nor of another tree, nor for another user", async () => {
  const reading = await openTask()
  const beside = await openTask()
  const ofBob = await openTaskFor("bob")
  await openChild(reading.token, "sender")
  for (const each of [reading, beside, ofBob]) expect(await read(each)).toBe("ok")
  expect((await clear(reading)).status).toBe(200)
  expect([await send(reading), await send(await openTask())]).toEqual(["ok", "ok"])
  // The sub-agent was there, the other tree bears its own, and so does the other user's.
  for (const each of [await openTask("sender"), beside, ofBob]) expect(await send(each)).toBe("policy_denied")
})

test("through a task of a sub-agent, of each agent of its chain; and through a task that has ended", async () => {
  const root = await openTask()
  const child = await openChild(root.token, "sender")
  expect(await read(root)).toBe("ok")
  await complete(root.task, `Bearer ${root.token}`)
  expect((await clear(child)).status).toBe(200)
  expect([await send(await openTask()), await send(await openTask("sender"))]).toEqual(["ok", "ok"])
})
