/** Promise 8: what an agent has done for a person counts, whatever task, token or sub-agent it uses before or after. */
import { describe, expect, test, vi } from "vitest"
import { openChild, openTask, openTaskFor, type OpenTask } from "../harness/agents.ts"
import { publish, yard } from "../harness/bundles.ts"
import { yardForEach } from "../harness/each-test.ts"
import { killObjects } from "../harness/isolate.ts"
import { agentId } from "../harness/issuers.ts"
import { read, send } from "../harness/labelled-calls.ts"
import { complete } from "../harness/management.ts"

yardForEach()

describe("who has read what is confidential sends nothing out", () => {
  test.each<
    readonly [string, () => Promise<readonly [reading: OpenTask, sending: OpenTask | (() => Promise<OpenTask>)]>]
  >([
    ["in a task that is opened afterwards", async () => [await openTask(), openTask]],
    ["in a task that was opened before", async () => [await openTask(), await openTask()]],
    [
      "in a task that has no other tool",
      async () => [await openTask(), async () => openTask("first", { scope: "mail.send:write" })],
    ],
  ])("%s", async (_where, tasks) => {
    const [reading, sending] = await tasks()
    expect(await read(reading)).toBe("ok")
    expect(await send(typeof sending === "function" ? await sending() : sending)).toBe("policy_denied")
  })

  test("in a task that is opened once the other has ended, nor after the ledger has died", async () => {
    const reading = await openTask()
    expect(await read(reading)).toBe("ok")
    await complete(reading.task, `Bearer ${reading.token}`)
    expect(await send(await openTask())).toBe("policy_denied")
    await killObjects()
    expect(await send(await openTask())).toBe("policy_denied")
  })

  test.each(["before", "after"])("by the own task of a sub-agent that joined the tree %s", async (when) => {
    const reading = await openTask()
    if (when === "before") await openChild(reading.token, "sender")
    expect(await read(reading)).toBe("ok")
    if (when === "after") await openChild(reading.token, "sender")
    expect(await send(await openTask("sender"))).toBe("policy_denied")
  })

  test("by the own task of a sub-agent that joins another tree of the agent that has read", async () => {
    expect(await read(await openTask())).toBe("ok")
    await openChild((await openTask()).token, "sender")
    await killObjects()
    expect(await send(await openTask("sender"))).toBe("policy_denied")
  })

  describe("by the own task of a sub-agent that had joined another tree", () => {
    const sendingBelowSecond = async (): Promise<void> => {
      const body = await yard()
      const sender = agentId("sender")
      const ceiling = body.agents.find(({ id }) => id === agentId("first"))?.ceiling
      const agents = body.agents.map((agent) =>
        ceiling && agent.id === agentId("second") ? { ...agent, ceiling, delegates_to: [sender] } : agent,
      )
      await publish({ ...body, agents })
    }

    test("of the agent that reads afterwards, which had been told there what to do", async () => {
      await openChild((await openTask()).token, "sender")
      expect(await read(await openTask())).toBe("ok")
      await killObjects()
      expect(await send(await openTask("sender"))).toBe("policy_denied")
    })

    test("of an agent in between, before that one joined a tree of the agent that reads", async () => {
      await sendingBelowSecond()
      await openChild((await openTask("second")).token, "sender")
      await openChild((await openTask()).token, "second")
      await killObjects()
      expect(await read(await openTask())).toBe("ok")
      expect(await send(await openTask("sender"))).toBe("policy_denied")
    })

    test("of an agent in between, before that one joins the tree in which was read", async () => {
      await sendingBelowSecond()
      await openChild((await openTask("second")).token, "sender")
      const reading = await openTask()
      expect(await read(reading)).toBe("ok")
      await openChild(reading.token, "second")
      await killObjects()
      expect(await send(await openTask("sender"))).toBe("policy_denied")
    })
  })

  test("by the task above, if a sub-agent has read", async () => {
    const root = await openTask()
    expect(await read(await openChild(root.token, "reader"))).toBe("ok")
    expect(await send(root)).toBe("policy_denied")
    expect(await send(await openTask())).toBe("policy_denied")
  })
})

test("an agent that was not there, and one that works for somebody else, may send", async () => {
  expect(await read(await openTask())).toBe("ok")
  expect(await send(await openTask("sender"))).toBe("ok")
  expect(await send(await openTaskFor("bob"))).toBe("ok")
})

test("a sub-agent that had ended before, and an agent above one that has read elsewhere, may send", async () => {
  const over = await openChild((await openTask()).token, "sender")
  await complete(over.task, `Bearer ${over.token}`)
  expect(await read(await openTask())).toBe("ok")
  expect(await send(await openTask("sender"))).toBe("ok")
  const root = await openTaskFor("bob")
  await openChild(root.token, "reader")
  expect(await read(await openTaskFor("bob", "reader"))).toBe("ok")
  expect(await send(root)).toBe("ok")
})

test("an agent carries a label for an hour, and inheriting it makes the hour no longer", async () => {
  const start = Date.now()
  vi.useFakeTimers({ toFake: ["Date"], now: start })
  const reading = await openTask()
  expect(await read(reading)).toBe("ok")
  vi.setSystemTime(start + 200_000)
  await openChild(reading.token, "sender")
  vi.setSystemTime(start + 3_600_000)
  expect(await send(await openTask())).toBe("policy_denied")
  vi.setSystemTime(start + 3_661_000)
  expect(await send(await openTask())).toBe("ok")
  expect(await send(await openTask("sender"))).toBe("ok")
})
