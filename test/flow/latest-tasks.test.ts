/** Finding tasks: the latest, by agent and person, page by page; and what was decided in a tree. */
import { describe, expect, test, vi } from "vitest"
import { z } from "zod"
import { openChild, openTask, exchangeForm, postForm } from "../harness/agents.ts"
import { publish, yard } from "../harness/bundles.ts"
import { yardForEach } from "../harness/each-test.ts"
import { callWith } from "../harness/gateways.ts"
import { forgetCaches } from "../harness/isolate.ts"
import { agentId, IDP } from "../harness/issuers.ts"
import { bearerOf, manage } from "../harness/management.ts"
import { recordsOf } from "../harness/records.ts"

yardForEach()

const latest = z.object({ tasks: z.array(z.looseObject({ id: z.string() })), next: z.string().nullable() })
async function list(query = "") {
  const { status, json } = await manage("GET", `/v1/tasks${query}`, await bearerOf("viewer"))
  expect(status).toBe(200)
  return latest.parse(json)
}
const idsOf = async (query?: string): Promise<readonly string[]> => (await list(query)).tasks.map(({ id }) => id)

describe("GET /v1/tasks", () => {
  test("lists each task once, by its last token, the latest first", async () => {
    const first = await openTask("first")
    const second = await openTask("first")
    const child = await openChild(first.token, "second")
    // Renewed.
    const renewed = await openChild(first.token, "first")
    expect(renewed.task).toBe(first.task)
    await vi.waitFor(async () => {
      const { tasks, next } = await list()
      expect(tasks.map(({ id }) => id)).toEqual([first.task, child.task, second.task])
      expect(next).toBeNull()
      expect(tasks[1]).toMatchObject({
        agent: agentId("second"),
        chain: [agentId("first"), agentId("second")],
        user: `${IDP}|alice`,
        purpose: "work",
      })
    })
  })

  test("of an agent, of a person", async () => {
    const { task } = await openTask("first")
    const other = (await postForm(await exchangeForm("second", "bob"))).issued?.task
    const both = {
      [`agent=${encodeURIComponent(agentId("second"))}`]: other,
      [`user=${encodeURIComponent(`${IDP}|alice`)}`]: task,
    }
    await vi.waitFor(async () => expect(await idsOf()).toHaveLength(2))
    for (const [query, expected] of Object.entries(both)) expect(await idsOf(`?${query}`)).toEqual([expected])
    expect(await idsOf("?user=alice")).toEqual([])
  })

  test("page by page, none left out", async () => {
    const opened: string[] = []
    for (let index = 0; index < 5; index++) opened.unshift((await openTask("first")).task)
    await vi.waitFor(async () => expect(await idsOf()).toHaveLength(5))
    const seen: string[] = []
    for (let query = "?limit=2"; ;) {
      const { tasks, next } = await list(query)
      seen.push(...tasks.map(({ id }) => id))
      if (next === null) break
      query = `?limit=2&before=${next}`
    }
    expect(seen).toEqual(opened)
  })

  test("refuses what is no question, and whoever may not look", async () => {
    for (const query of ["limit=0", "limit=101", "limit=x", "agent=", "who=me"]) {
      const { status, code } = await manage("GET", `/v1/tasks?${query}`, await bearerOf("viewer"))
      expect([query, status, code]).toEqual([query, 400, "invalid_request"])
    }
    expect((await manage("GET", "/v1/tasks", null)).status).toBe(401)
    const { token } = await openTask("first")
    expect((await manage("GET", "/v1/tasks", `Bearer ${token}`)).status).toBe(401)
    const body = await yard()
    await publish({ ...body, rules: body.rules.filter(({ id }) => id !== "viewers-look") }, 2)
    forgetCaches()
    expect((await manage("GET", "/v1/tasks", await bearerOf("viewer"))).status).toBe(403)
  })
})

const decided = z.object({ decisions: z.array(z.looseObject({ task: z.string().nullable(), code: z.string() })) })
async function decisionsOf(query: string) {
  const { status, json } = await manage("GET", `/v1/decisions?${query}`, await bearerOf("viewer"))
  expect([query, status]).toEqual([query, 200])
  return decided.parse(json).decisions
}

describe("GET /v1/decisions?tree=", () => {
  test("tells of a task and those below it, and of nobody else's", async () => {
    const root = await openTask("first")
    const [child, sibling] = [await openChild(root.token, "second"), await openChild(root.token, "second")]
    const grandchild = await openChild(child.token, "third")
    const stranger = await openTask("first")
    for (const { token } of [root, child, sibling, grandchild, stranger]) await callWith(token, "/files")
    await callWith(grandchild.token, "/nowhere")
    await recordsOf(grandchild.task, 3)
    await recordsOf(sibling.task, 2)
    const tasksOf = async (query: string) => new Set((await decisionsOf(query)).map(({ task }) => task))
    expect(await tasksOf(`tree=${root.task}`)).toEqual(new Set([root.task, child.task, sibling.task, grandchild.task]))
    expect(await tasksOf(`tree=${child.task}`)).toEqual(new Set([child.task, grandchild.task]))
    const denied = await decisionsOf(`tree=${child.task}&decision=deny`)
    expect(denied).toMatchObject([{ task: grandchild.task, code: "unknown_tool" }])
    expect(await decisionsOf(`tree=${root.task}&kind=call&limit=2`)).toHaveLength(2)
  })

  test("is refused for what is no task", async () => {
    const viewer = await bearerOf("viewer")
    for (const tree of ["", "tsk_1", `tsk_ZZZZZZZZZZZZZZZ${"0".repeat(21)}`, "dec_01JZ0000000000000000000000"]) {
      expect((await manage("GET", `/v1/decisions?tree=${tree}`, viewer)).status).toBe(400)
    }
  })
})

describe("why an operator ended, froze or released a task", () => {
  test("is in its record, and need not be said", async () => {
    const operator = await bearerOf("operator")
    const { task } = await openTask("first")
    const act = async (what: string, body: unknown) => manage("POST", `/v1/tasks/${task}/${what}`, operator, {}, body)
    expect((await act("quarantine", { reason: "odd reads" })).status).toBe(200)
    expect((await act("release", null)).status).toBe(200)
    expect((await act("complete", { reason: "enough" })).status).toBe(200)
    const records = (await recordsOf(task, 4)).filter(({ kind }) => kind === "end")
    expect(records.map(({ arguments: told }) => told)).toEqual([{ reason: "enough" }, {}, { reason: "odd reads" }])
  })

  test("is a text of some length, or nothing happens", async () => {
    const operator = await bearerOf("operator")
    const { task, token } = await openTask("first")
    for (const what of ["complete", "abort", "quarantine", "release"]) {
      for (const body of [{ reason: 1 }, { reason: "x".repeat(1_025) }, { why: "x" }, [], "x"]) {
        const { status } = await manage("POST", `/v1/tasks/${task}/${what}`, operator, {}, body)
        expect([what, status]).toEqual([what, 400])
      }
    }
    expect((await callWith(token, "/files")).code).toBe("ok")
  })
})
