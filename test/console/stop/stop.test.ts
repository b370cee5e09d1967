/** The stop: two steps, by operators alone, and only from our own page. Forms attacked as a browser could send them. */
import { describe, expect, test } from "vitest"
import { z } from "zod"
import { openTask } from "../../harness/agents.ts"
import { visitorAs } from "../../harness/browsing.ts"
import { yardForEach } from "../../harness/each-test.ts"
import { callWith } from "../../harness/gateways.ts"
import { agentId } from "../../harness/issuers.ts"
import { bearerOf, manage } from "../../harness/management.ts"

yardForEach()

const switches = async () => {
  const { json } = await manage("GET", "/v1/revocations", await bearerOf("viewer"))
  return z.object({ revocations: z.array(z.looseObject({ id: z.string() })) }).parse(json).revocations
}
const AGENT = { kind: "agent", name: agentId("first"), reason: "it runs wild", before: "" }

describe("stopping", () => {
  test("is done by the second step, holds when it is answered, and says since when, by whom and why", async () => {
    const { token } = await openTask("first")
    const operator = await visitorAs("operator")
    const asked = await operator.get(`/console/stop/confirm?${new URLSearchParams(AGENT).toString()}`)
    expect(await asked.text()).toContain(">Suspend agent<")
    expect(await switches()).toEqual([])
    const answer = await operator.post("/console/stop", AGENT)
    expect(answer.status).toBe(303)
    expect((await callWith(token, "/files/a")).code).toBe("invalid_token")
    const page = await (await operator.get(answer.headers.get("location") ?? "")).text()
    expect(page).toContain("Suspended at")
    expect(page).toContain("it runs wild")
    expect(page).toContain("https://idp.test|operator")
  })

  test("is undone by two steps, too", async () => {
    const operator = await visitorAs("operator")
    await operator.post("/console/stop", AGENT)
    const [set] = await switches()
    const id = set?.id ?? ""
    expect(await (await operator.get(`/console/stop/lift?id=${id}`)).text()).toContain("Resume?")
    expect(await switches()).toHaveLength(1)
    expect((await operator.post("/console/stop/lift", { id })).status).toBe(303)
    expect(await switches()).toEqual([])
    expect((await operator.get(`/console/stop/lift?id=${id}`)).status).toBe(404)
  })

  test("of a task ends it, and says so only where it is so", async () => {
    const { task, token } = await openTask("first")
    const operator = await visitorAs("operator")
    const lie = await (await operator.get(`/console/stop?ended=${task}&set=swi_none`)).text()
    expect(lie).not.toContain("Suspended at")
    expect(lie).toContain(`Task ${task} is active`)
    const answer = await operator.post("/console/stop", { ...AGENT, kind: "task", name: task })
    expect(await (await operator.get(answer.headers.get("location") ?? "")).text()).toContain(`Task ${task} is revoked`)
    expect((await callWith(token, "/files/a")).code).toBe("invalid_token")
  })

  test("of a task that is not there is not offered", async () => {
    const operator = await visitorAs("operator")
    const wanted = new URLSearchParams({ ...AGENT, kind: "task", name: "tsk_nope" })
    const answer = await operator.get(`/console/stop/confirm?${wanted.toString()}`)
    expect(answer.status).toBe(404)
    expect(await answer.text()).not.toContain(">End task<")
  })

  test("of a person who is named without an issuer is not offered unless it is clear who is meant", async () => {
    await openTask("first")
    const operator = await visitorAs("operator")
    const wanted = new URLSearchParams({ ...AGENT, kind: "user", name: "operator" })
    const page = await (await operator.get(`/console/stop/confirm?${wanted.toString()}`)).text()
    expect(page).toContain("https://idp.test|operator")
    expect(page).not.toContain(">Suspend person<")
    expect(await switches()).toEqual([])
  })

  test("of what was given before a moment leaves alone what came after", async () => {
    const operator = await visitorAs("operator")
    await operator.post("/console/stop", { ...AGENT, before: "2026-01-01T00:00" })
    expect(await switches()).toMatchObject([{ agent: AGENT.name, before: Date.parse("2026-01-01T00:00Z") / 1000 }])
    const { token } = await openTask("first")
    expect((await callWith(token, "/files/a")).code).toBe("ok")
  })
})

type Fields = Readonly<Record<string, string>>
const NOT_UNDERSTOOD: readonly Fields[] = [
  {},
  { kind: "agent" },
  { ...AGENT, kind: "key" },
  { ...AGENT, kind: "__proto__" },
  { ...AGENT, before: "yesterday" },
  { ...AGENT, before: "9999-99-99T00:00" },
  { ...AGENT, kind: "tool", name: "not a pattern" },
  { ...AGENT, reason: "a\u0007b" },
  { ...AGENT, name: "x".repeat(3_000) },
]

describe("nothing is stopped", () => {
  test.for(NOT_UNDERSTOOD)("by %j", async (fields) => {
    const operator = await visitorAs("operator")
    expect((await operator.post("/console/stop", fields)).status).toBe(400)
    expect(await switches()).toEqual([])
  })

  test("by a viewer, nor by somebody who is no operator, whatever they send", async () => {
    for (const [who, status] of [
      ["viewer", 403],
      ["approver", 403],
      ["alice", 401],
    ] as const) {
      const visitor = await visitorAs(who)
      expect((await visitor.post("/console/stop", { ...AGENT, kind: "everything" })).status, who).toBe(status)
    }
    expect(await switches()).toEqual([])
  })

  test("and a viewer is not led to believe that it could be", async () => {
    await (await visitorAs("operator")).post("/console/stop", AGENT)
    const page = await (await (await visitorAs("viewer")).get("/console/stop")).text()
    expect(page).toContain("it runs wild")
    expect(page).not.toContain("Suspend or end")
    expect(page).not.toContain("/console/stop/lift")
  })

  test("nor lifted by a viewer", async () => {
    await (await visitorAs("operator")).post("/console/stop", AGENT)
    const [set] = await switches()
    const viewer = await visitorAs("viewer")
    expect((await viewer.post("/console/stop/lift", { id: set?.id ?? "" })).status).toBe(403)
    expect(await switches()).toHaveLength(1)
  })

  test.for<readonly [string, Fields, Fields]>([
    ["from another origin", {}, { origin: "https://evil.example" }],
    ["without what the page was given", { csrf: "" }, {}],
    ["with that of another session", { csrf: "A".repeat(43) }, {}],
    ["as a link of elsewhere would", {}, { "sec-fetch-site": "cross-site" }],
  ])("%s", async ([, fields, headers]) => {
    const operator = await visitorAs("operator")
    for (const path of ["/console/stop", "/console/stop/lift", "/console/policies/explain"]) {
      expect((await operator.post(path, { ...AGENT, kind: "everything", ...fields }, headers)).status).toBe(403)
    }
    expect(await switches()).toEqual([])
  })
})
