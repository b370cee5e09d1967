/** What each page and form of the console gives to whom: by links of others, by forms of others, by other methods. */
import { afterEach, beforeEach, describe, expect, test } from "vitest"
import { openTask } from "../harness/agents.ts"
import { visitorAs, type Visitor } from "../harness/browsing.ts"
import { publish, yard } from "../harness/bundles.ts"
import { knock } from "../harness/door.ts"
import { callWith } from "../harness/gateways.ts"
import { forgetCaches, freshIsolate } from "../harness/isolate.ts"
import { agentId, IDP, second, SECOND_IDP, US } from "../harness/issuers.ts"
import { bearerOf, manage, viewOf } from "../harness/management.ts"

beforeEach(async () => {
  await publish(await yard())
})
afterEach(freshIsolate)

const EXPLAINED = { agent: agentId("first"), tool: "files.list", action: "read" }

/** Every page, about something that there is. */
async function pagesAbout(): Promise<readonly string[]> {
  const { token, task } = await openTask("first")
  const { decision } = await callWith(token, "/files")
  const { json } = await manage("GET", "/v1/bundles", await bearerOf("viewer"))
  const [digest = ""] = /[0-9a-f]{64}/.exec(JSON.stringify(json)) ?? []
  return [
    "/console/live",
    "/console/tasks",
    `/console/tasks/${task}`,
    `/console/decisions/${decision}`,
    "/console/agents",
    `/console/agents/agent?id=${encodeURIComponent(agentId("first"))}`,
    "/console/policies",
    "/console/policies/explain",
    `/console/policies/explain?decision=${decision}`,
    "/console/policies/shadow",
    `/console/policies/${digest}`,
    "/console/stop",
    `/console/stop?ended=${task}`,
    "/console/stop/lift?id=swi_none",
  ]
}

/** What of the yard and of its tasks is nobody's to know who has no role. */
const SECRETS = /tsk_|dec_|spiffe:|files\.|@id|\.cedar|alice/

const textsOf = async (
  visitor: Visitor,
  paths: readonly string[],
): Promise<readonly (readonly [string, Response, string])[]> =>
  Promise.all(
    paths.map(async (path) => {
      const answer = await visitor.get(path)
      return [path, answer, await answer.clone().text()] as const
    }),
  )

describe("whoever has no role", () => {
  test("learns nothing from the links of others", async () => {
    const bob = await visitorAs("bob")
    for (const [path, answer, text] of await textsOf(bob, await pagesAbout())) {
      expect([path, answer.status]).toEqual([path, 401])
      expect([path, SECRETS.exec(text)?.[0]]).toEqual([path, undefined])
    }
    const events = await bob.get("/console/live/events")
    expect(await events.text()).toContain("You are not signed in any more")
  })
})

describe("an operator's namesake at another provider", () => {
  test("is no operator here: neither of the console's sections nor of what is in them is there anything", async () => {
    const body = await yard()
    const issuers = body.issuers.map((issuer) =>
      issuer.id === "second" ? { ...issuer, operators: { clients: ["cli"] } } : issuer,
    )
    await publish({ ...body, issuers }, 2)
    forgetCaches()
    const namesake = await visitorAs("operator", { claims: { iss: SECOND_IDP }, signer: second })
    const inbox = await (await namesake.get("/console/approvals")).text()
    expect([inbox.includes("Sign out"), inbox.includes('href="/console/stop"')]).toEqual([true, false])
    for (const [path, answer, text] of await textsOf(namesake, await pagesAbout())) {
      expect([path, answer.status]).toEqual([path, 401])
      expect([path, SECRETS.exec(text)?.[0]]).toEqual([path, undefined])
    }
  })
})

describe("no page", () => {
  test("holds a token or the secret of a session, and each is kept from caches and frames", async () => {
    const operator = await visitorAs("operator")
    const secret = operator.cookie.split("=")[1] ?? ""
    const paths = [
      ...(await pagesAbout()),
      "/console/approvals",
      "/console/stop/confirm?kind=everything&name=&reason=x",
    ]
    for (const [path, { headers }, text] of await textsOf(operator, paths)) {
      expect([path, /eyJ[\w-]{10}/.test(text), text.includes(secret)]).toEqual([path, false, false])
      expect([path, headers.get("cache-control"), headers.get("x-frame-options")]).toEqual([path, "no-store", "DENY"])
      expect(headers.get("content-security-policy"), path).toContain("frame-ancestors 'none'")
      expect(headers.get("content-security-policy"), path).toContain("default-src 'none'")
    }
  })

  test("answers who brings a gateway's key", async () => {
    const { cookie } = await visitorAs("operator")
    for (const path of ["/console/stop", "/sign-in", "/oauth/authorize"]) {
      const answer = await knock(
        new Request(US + path, { headers: { cookie, "x-narrowgate-key": "key-of-envoy" }, redirect: "manual" }),
      )
      expect([path, answer.status]).toEqual([path, 403])
    }
  })
})

interface Forms {
  /** That some of them are about. */
  readonly task: string
  readonly forms: readonly (readonly [string, Readonly<Record<string, string>>])[]
}

async function formsOf(): Promise<Forms> {
  const { task } = await openTask("first")
  const forms = [
    ["/console/stop", { kind: "agent", name: agentId("first"), reason: "x" }],
    ["/console/stop", { kind: "task", name: task, reason: "x" }],
    ["/console/stop", { kind: "everything", name: "", reason: "x" }],
    ["/console/stop/lift", { id: "swi_none" }],
    [`/console/tasks/${task}/complete`, { reason: "x" }],
    [`/console/tasks/${task}/quarantine`, { reason: "x" }],
    [`/console/tasks/${task}/release`, { reason: "x" }],
  ] as const
  return { task, forms }
}

/** Of what a form could change. */
async function stateOf({ task }: Forms): Promise<unknown> {
  const { status, json } = await manage("GET", "/v1/revocations", await bearerOf("viewer"))
  expect(status).toBe(200)
  const { status: state, ended_by } = await viewOf(task)
  return { stops: json, state, ended_by }
}

describe("an operator's form", () => {
  test.for([
    ["bob", 401],
    ["viewer", 403],
    ["approver", 403],
  ] as const)("does nothing for %s", async ([who, status]) => {
    const about = await formsOf()
    const before = await stateOf(about)
    const visitor = await visitorAs(who)
    for (const [path, fields] of about.forms) {
      expect([path, (await visitor.post(path, fields)).status]).toEqual([path, status])
    }
    expect(await stateOf(about)).toEqual(before)
  })

  test("does nothing by another method, nor through a path that leads elsewhere", async () => {
    const about = await formsOf()
    const before = await stateOf(about)
    const { cookie, csrf, post } = await visitorAs("operator")
    const headers = { cookie, origin: US, "sec-fetch-site": "same-origin" }
    for (const [path, fields] of about.forms) {
      for (const method of ["GET", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE"]) {
        const body = method === "GET" || method === "HEAD" ? null : new URLSearchParams({ csrf, ...fields })
        const search = new URLSearchParams({ csrf, ...fields }).toString()
        const answer = await knock(new Request(`${US}${path}?${search}`, { method, headers, body, redirect: "manual" }))
        expect([method, path, answer.status]).toEqual([method, path, expect.toSatisfy((s) => s === 200 || s === 404)])
      }
    }
    for (const id of [".", "..", "../tasks", "..%2ftasks", "%2e%2e", ""]) {
      expect([id, (await post("/console/stop/lift", { id })).status]).toEqual([id, 404])
    }
    expect(await stateOf(about)).toEqual(before)
  })

  test("does nothing, and no page shows anything, once its sender is stopped as a person", async () => {
    const about = await formsOf()
    const [operator, paths] = [await visitorAs("operator"), await pagesAbout()]
    const body = { user: `${IDP}|operator` }
    expect((await manage("POST", "/v1/revocations", await bearerOf("operator"), {}, body)).status).toBe(200)
    const before = await stateOf(about)
    for (const [path, fields] of [...about.forms, ["/console/policies/explain", EXPLAINED] as const]) {
      expect([path, (await operator.post(path, fields)).status]).toEqual([path, 401])
    }
    for (const [path, answer, text] of await textsOf(operator, ["/console/approvals", ...paths])) {
      expect([path, answer.status]).toEqual([path, expect.toSatisfy((status) => status === 401 || status === 404)])
      expect([path, SECRETS.exec(text)?.[0]]).toEqual([path, undefined])
    }
    expect(await (await operator.get("/console/live/events")).text()).toContain("not signed in any more")
    expect(await stateOf(about)).toEqual(before)
  })
})
