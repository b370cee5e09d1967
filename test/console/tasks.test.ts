/** The pages of tasks: who may look, who may act, and nothing larger than a page may be. */
import { describe, expect, test, vi } from "vitest"
import type { Guardrail } from "../../src/core/guardrails/kinds.ts"
import { openChild, openTask } from "../harness/agents.ts"
import { visitorAs, type Visitor } from "../harness/browsing.ts"
import { publish, yard } from "../harness/bundles.ts"
import { yardForEach } from "../harness/each-test.ts"
import { callWith } from "../harness/gateways.ts"
import { window } from "../harness/guardrails.ts"
import { forgetCaches } from "../harness/isolate.ts"
import { agentId } from "../harness/issuers.ts"
import { viewOf } from "../harness/management.ts"
import { recordsOf } from "../harness/records.ts"

yardForEach()

const MOST_BYTES = 100_000
const bytesOf = (text: string): number => new TextEncoder().encode(text).byteLength
const textOf = async (visitor: Visitor, path: string): Promise<string> => (await visitor.get(path)).text()

describe("a task's page", () => {
  test("ends, freezes and releases it for an operator, and leads back to itself", async () => {
    const { task, token } = await openTask("first")
    const operator = await visitorAs("operator")
    const page = `/console/tasks/${task}`
    for (const [name, expected, code] of [
      ["quarantine", "quarantined", "invalid_token"],
      ["release", "active", "ok"],
      ["complete", "revoked", "invalid_token"],
    ] as const) {
      const answer = await operator.post(`${page}/${name}`, { reason: `to ${name}` })
      expect([name, answer.status, answer.headers.get("location")]).toEqual([name, 303, page])
      expect([name, (await viewOf(task)).status]).toEqual([name, expected])
      expect([name, (await callWith(token, "/files")).code]).toEqual([name, code])
      expect(await textOf(operator, page)).toContain(expected)
    }
    const ends = (await recordsOf(task, 7)).filter(({ kind }) => kind === "end")
    expect(ends.map(({ arguments: told }) => told["reason"])).toEqual(["to complete", "to release", "to quarantine"])
  })

  test("offers no more than there is to do", async () => {
    const { task } = await openTask("first")
    const operator = await visitorAs("operator")
    const offered = async (): Promise<readonly string[]> =>
      [...(await textOf(operator, `/console/tasks/${task}`)).matchAll(/action="[^"]*\/(\w+)"/g)].map(
        ([, name]) => name ?? "",
      )
    expect(await offered()).toEqual(["complete", "quarantine"])
    await operator.post(`/console/tasks/${task}/quarantine`, {})
    expect(await offered()).toEqual(["complete", "release"])
    await operator.post(`/console/tasks/${task}/complete`, {})
    expect(await offered()).toEqual([])
    const again = await operator.post(`/console/tasks/${task}/release`, {})
    expect(again.status).toBe(404)
  })

  test("shows labels that its agent carries from another task, and clears them", async () => {
    const reading = await openTask("first")
    expect((await callWith(reading.token, "/vault/1")).code).toBe("ok")
    const { task } = await openTask("first")
    const operator = await visitorAs("operator")
    const page = `/console/tasks/${task}`
    expect(await textOf(operator, page)).toMatch(/Labels from other tasks.*reads:confidential/su)
    const answer = await operator.post(`${page}/labels/clear`, { reason: "known" })
    expect([answer.status, answer.headers.get("location")]).toEqual([303, page])
    const cleared = await textOf(operator, page)
    expect(cleared).not.toContain("Labels from other tasks")
    expect(cleared).not.toContain("labels/clear")
  })

  test.for(["viewer", "approver", "alice"])("lets %s change nothing", async (subject) => {
    const { task } = await openTask("first")
    const visitor = await visitorAs(subject)
    const page = await visitor.get(`/console/tasks/${task}`)
    expect(page.status).toBe(subject === "alice" ? 401 : 200)
    expect(await page.text()).not.toContain('action="/console/tasks')
    for (const name of ["quarantine", "release", "complete", "labels/clear"]) {
      const answer = await visitor.post(`/console/tasks/${task}/${name}`, {})
      expect([name, answer.status]).toEqual([name, subject === "alice" ? 401 : 403])
    }
    expect((await viewOf(task)).status).toBe("active")
  })

  test("takes no form from elsewhere, nor of another session, nor of nobody", async () => {
    const { task } = await openTask("first")
    const [operator, viewer] = [await visitorAs("operator"), await visitorAs("viewer")]
    for (const [fields, headers, status] of [
      [{}, { origin: "https://evil.example" }, 403],
      [{}, { "sec-fetch-site": "cross-site" }, 403],
      [{ csrf: "" }, {}, 403],
      [{ csrf: viewer.csrf }, {}, 403],
      [{}, { cookie: "" }, 303],
      [{}, { "content-type": "application/json" }, 400],
    ] as const) {
      const answer = await operator.post(`/console/tasks/${task}/complete`, fields, headers)
      expect([fields, headers, answer.status]).toEqual([fields, headers, status])
    }
    expect((await viewOf(task)).status).toBe("active")
  })

  test("shows a large tree, much that counts and many decisions in no more than a page", async () => {
    const body = await yard()
    const many = Array.from({ length: 120 }, (_, index): Guardrail => {
      const id = `${"a-very-long-name-of-a-window-".repeat(3)}${index}`
      return window({ id, tools: ["files.*"], per: "tree", limit: 1_000, seconds: 60 })
    })
    await publish({ ...body, guardrails: many }, 2)
    forgetCaches()
    const root = await openTask("first")
    const children = await Promise.all(Array.from({ length: 60 }, async () => openChild(root.token, "second")))
    const wanted = children.at(-1)?.task ?? ""
    for (let index = 0; index < 30; index++) await callWith(root.token, index % 2 === 0 ? "/files" : "/nowhere")
    await recordsOf(root.task, 31)
    const viewer = await visitorAs("viewer")
    const page = await textOf(viewer, `/console/tasks/${root.task}`)
    expect(bytesOf(page)).toBeLessThan(MOST_BYTES)
    expect(page).toContain("21 more sub-tasks.")
    const own = await textOf(viewer, `/console/tasks/${wanted}`)
    expect(bytesOf(own)).toBeLessThan(MOST_BYTES)
    expect(own).toContain('aria-current="page"')
    const denied = await textOf(viewer, `/console/tasks/${root.task}?decision=deny`)
    expect(denied).toContain("denied: unknown_tool")
    expect(denied).not.toContain(">allowed<")
  })

  test("says why something was denied in the same words as its agent's page and the record's own", async () => {
    const { task, token } = await openTask("first")
    await callWith(token, "/nowhere")
    const denied = (await recordsOf(task, 2)).find(({ decision }) => decision === "deny")
    const viewer = await visitorAs("viewer")
    const agent = encodeURIComponent(denied?.chain.at(-1) ?? "")
    for (const path of [`tasks/${task}`, `agents/agent?id=${agent}`, `decisions/${denied?.id}`]) {
      expect(await textOf(viewer, `/console/${path}`), path).toContain("is not in the catalog")
    }
  })

  test("pages through what was decided, none left out", async () => {
    const { task, token } = await openTask("first")
    for (let index = 0; index < 45; index++) await callWith(token, `/files/${index}`)
    await recordsOf(task, 46)
    const viewer = await visitorAs("viewer")
    let [path, seen]: [string | undefined, number] = [`/console/tasks/${task}`, 0]
    for (let pages = 1; path !== undefined; pages++) {
      expect(pages).toBeLessThan(5)
      const page: string = await textOf(viewer, path)
      seen += page.match(/>allowed</g)?.length ?? 0
      path = /href="([^"]*before=dec_[^"]*)#records"/.exec(page)?.[1]?.replaceAll("&amp;", "&")
    }
    expect(seen).toBe(46)
  })

  test("says what it may not show, and shows the rest", async () => {
    const { task } = await openTask("first")
    const body = await yard()
    const hides = { id: "no-records", reads: [], policy: NO_RECORDS }
    await publish({ ...body, rules: [...body.rules, hides] }, 2)
    forgetCaches()
    const page = await (await visitorAs("viewer")).get(`/console/tasks/${task}`)
    const text = await page.text()
    expect(page.status).toBe(200)
    expect(text).toContain("The timeline cannot be shown: Your role suffices, but a rule forbids you to do this.")
    expect(text).toContain("Usage")
  })

  test("is of none where there is none", async () => {
    const viewer = await visitorAs("viewer")
    for (const id of ["tsk_1", "tsk_01JZ0000000000000000000000", "..%2f..", "%00"]) {
      expect([id, (await viewer.get(`/console/tasks/${id}`)).status]).toEqual([id, 404])
    }
  })
})

/** Cedar's JSON: `forbid (principal, action == Action::"manage", resource == Area::"decisions");` */
const NO_RECORDS = {
  effect: "forbid",
  principal: { op: "All" },
  action: { op: "==", entity: { type: "Action", id: "manage" } },
  resource: { op: "==", entity: { type: "Area", id: "decisions" } },
  conditions: [],
  annotations: { id: "no-records" },
}

describe("the list of tasks", () => {
  test("has the latest, leads to one by its id, and says what is none", async () => {
    const { task, token } = await openTask("first")
    const child = await openChild(token, "second")
    const viewer = await visitorAs("viewer")
    await vi.waitFor(async () =>
      expect(await textOf(viewer, "/console/tasks")).toContain(`/console/tasks/${child.task}"`),
    )
    const filtered = await textOf(viewer, `/console/tasks?agent=${encodeURIComponent(agentId("second"))}&user=`)
    expect(filtered).toContain(`/console/tasks/${child.task}"`)
    expect(filtered).not.toContain(`/console/tasks/${task}"`)
    const found = await viewer.get(`/console/tasks?id=%20${task}`)
    expect([found.status, found.headers.get("location")]).toEqual([303, `/console/tasks/${task}`])
    const odd = await textOf(viewer, `/console/tasks?id=${encodeURIComponent("<script>\u202E")}`)
    expect(odd).toContain("is not a task id")
    expect(odd).not.toContain("<script>")
  })

  test("is not for whoever has no role, and tells what the API refuses", async () => {
    expect((await (await visitorAs("alice")).get("/console/tasks")).status).toBe(401)
    const long = await (await visitorAs("viewer")).get(`/console/tasks?agent=${"a".repeat(2_100)}`)
    expect(long.status).toBe(400)
  })
})
