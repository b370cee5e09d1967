/** What each page and form of the console gives to whom: by links of others, by forms of others, by other methods. */
import { beforeEach, describe, expect, test, vi } from "vitest"
import { z } from "zod"
import { SECTIONS } from "../../src/console/layout/sections.ts"
import { PAGES } from "../../src/console/pages.ts"
import type { BundleBody } from "../../src/core/policy/bundle.ts"
import { hasRole } from "../../src/core/policy/definition/operators.ts"
import { AUDIENCE, JWT_BEARER, openTask } from "../harness/agents.ts"
import { visitorAs, type Visitor } from "../harness/browsing.ts"
import { publish, yard } from "../harness/bundles.ts"
import { knock } from "../harness/door.ts"
import { freshIsolateForEach } from "../harness/each-test.ts"
import { callWith } from "../harness/gateways.ts"
import { window } from "../harness/guardrails.ts"
import { forgetCaches } from "../harness/isolate.ts"
import { agentId, IDP, second, SECOND_IDP, svid, US } from "../harness/issuers.ts"
import { bearerOf, manage, viewOf } from "../harness/management.ts"
import { recordOf } from "../harness/records.ts"

beforeEach(async () => {
  await publish(await guarded())
})
freshIsolateForEach()

/** The yard, where a second write of a task waits for an approval. */
async function guarded(): Promise<BundleBody> {
  const body = await yard()
  const once = { id: "once", tools: ["files.write"], per: "task", limit: 1, seconds: 60 } as const
  return { ...body, guardrails: [...body.guardrails, window(once, { consequence: "approve" })] }
}

const EXPLAINED = { agent: agentId("first"), tool: "files.list", action: "read" }

type Page = (typeof PAGES)[number]

/** Where each page is, about something that there is; a page without an address here does not compile. */
async function addressesOf(): Promise<Readonly<Record<Page["path"], readonly string[]>>> {
  const { token, task } = await openTask("first")
  const { decision } = await callWith(token, "/files")
  await recordOf(decision)
  const { json } = await manage("GET", "/v1/bundles", await bearerOf("viewer"))
  const [digest = ""] = /[0-9a-f]{64}/.exec(JSON.stringify(json)) ?? []
  const agent = encodeURIComponent(agentId("first"))
  const body = { user: `${IDP}|nobody-here`, confirm: true }
  const { json: suspension } = await manage("POST", "/v1/revocations", await bearerOf("operator"), {}, body)
  const { id } = z.object({ id: z.string() }).parse(suspension)
  return {
    "/approvals": ["/console/approvals"],
    "/approvals/:task": [`/console/approvals/${await consentOf("bob")}`],
    "/approvals/:task/:approval": [`/console/approvals/${await pendingCall()}`],
    "/live": ["/console/live"],
    "/live/events": ["/console/live/events"],
    "/decisions/:id": [`/console/decisions/${decision}`],
    "/tasks": ["/console/tasks"],
    "/tasks/:id": [`/console/tasks/${task}`],
    "/agents": ["/console/agents"],
    "/agents/agent": [`/console/agents/agent?id=${agent}`],
    "/agents/clients": ["/console/agents/clients"],
    "/policies": ["/console/policies"],
    "/policies/explain": ["/console/policies/explain", `/console/policies/explain?decision=${decision}`],
    "/policies/shadow": ["/console/policies/shadow"],
    "/policies/:digest": [`/console/policies/${digest}`],
    "/stop": ["/console/stop", `/console/stop?ended=${task}`],
    "/stop/confirm": [`/console/stop/confirm?kind=agent&name=${agent}&reason=x`],
    "/stop/lift": [`/console/stop/lift?id=${id}`],
  }
}

/** A task that waits for the consent of a user. */
async function consentOf(user: string): Promise<string> {
  const proof = { client_assertion_type: JWT_BEARER, client_assertion: await svid("first"), audience: AUDIENCE }
  const init = {
    method: "POST",
    body: new URLSearchParams({ ...proof, login_hint: `${IDP}|${user}`, scope: "files.*:read safe.burn:execute" }),
  }
  const answer: unknown = await (await knock(new Request(`${US}/oauth/bc-authorize`, init))).json()
  return z.object({ auth_req_id: z.string() }).parse(answer).auth_req_id.split(".")[0] ?? ""
}

/** A call that waits for an approval of operators, as its task and its id. */
async function pendingCall(): Promise<string> {
  const { token, task } = await openTask("first")
  const init = { method: "PUT", body: '{"text":"one"}', headers: { "Content-Type": "application/json" } }
  await callWith(token, "/files/a", init)
  const { denial } = await recordOf((await callWith(token, "/files/a", init)).decision)
  return `${task}/${z.object({ approval: z.string() }).parse(denial).approval}`
}

/** Every page of operators that answers at once. */
async function pagesAbout(): Promise<readonly string[]> {
  const addresses = await addressesOf()
  return PAGES.filter(({ path, readers }) => readers !== "everybody" && path !== "/live/events").flatMap(
    ({ path }) => addresses[path],
  )
}

/** Of each user, what operators.yaml of the yard gives them. */
const ROLES_OF = { bob: [], viewer: ["viewer"], approver: ["approver"], operator: ["operator"] } as const

describe("each page", () => {
  test("is opened by the roles that its row names, and by no other", async () => {
    const addresses = await addressesOf()
    const opened = new Set<string>()
    for (const [who, roles] of Object.entries(ROLES_OF)) {
      const visitor = await visitorAs(who)
      for (const { path, readers } of PAGES) {
        for (const address of addresses[path]) {
          const { status, body } = await visitor.get(address)
          await body?.cancel()
          if (status === 200) opened.add(path)
          const mayOpen = readers === "everybody" || hasRole(roles, readers)
          // What there is of a single approval, only those who are asked for it learn.
          const permitted = path.startsWith("/approvals/") ? [200, 404] : [200]
          const expected: readonly number[] = mayOpen ? permitted : [roles.length > 0 ? 403 : 401]
          expect([who, address, expected.includes(status) ? "as expected" : status]).toEqual([
            who,
            address,
            "as expected",
          ])
        }
      }
    }
    expect([...opened].toSorted()).toEqual(PAGES.map(({ path }) => path).toSorted())
  })

  test("that a role may not open is denied on the record", async () => {
    const visitor = await visitorAs("viewer")
    await visitor.get("/console/stop/confirm?kind=everything&name=&reason=x")
    const denied = await vi.waitFor(async () => {
      const { json } = await manage("GET", "/v1/decisions?kind=management", await bearerOf("viewer"))
      const { decisions } = z.object({ decisions: z.array(z.looseObject({ path: z.string() })) }).parse(json)
      const found = decisions.find(({ path }) => path === "/console/stop/confirm")
      expect(found).toBeDefined()
      return found
    })
    expect(denied).toMatchObject({
      kind: "management",
      decision: "deny",
      code: "policy_denied",
      operator: `${IDP}|viewer`,
      denial: { reason: "role_missing", what: "operator" },
    })
  })

  test("belongs to a section that has a first page", () => {
    const paths = PAGES.map(({ path }) => `/console${path}`)
    for (const { section } of PAGES) expect(paths).toContain(SECTIONS[section].href)
  })
})

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
    expect((await bob.get("/console/live/events")).status).toBe(401)
  })
})

describe("an operator's namesake at another provider", () => {
  test("is no operator here: neither of the console's sections nor of what is in them is there anything", async () => {
    const body = await guarded()
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
    [`/console/tasks/${task}/labels/clear`, { reason: "x" }],
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
    const body = { user: `${IDP}|operator`, confirm: true }
    expect((await manage("POST", "/v1/revocations", await bearerOf("operator"), {}, body)).status).toBe(200)
    const before = await stateOf(about)
    for (const [path, fields] of [...about.forms, ["/console/policies/explain", EXPLAINED] as const]) {
      expect([path, (await operator.post(path, fields)).status]).toEqual([path, 401])
    }
    for (const [path, answer, text] of await textsOf(operator, ["/console/approvals", ...paths])) {
      expect([path, answer.status]).toEqual([path, expect.toSatisfy((status) => status === 401 || status === 404)])
      expect([path, SECRETS.exec(text)?.[0]]).toEqual([path, undefined])
    }
    expect(await (await operator.get("/console/live/events")).text()).toContain("Session ended. Sign in again")
    expect(await stateOf(about)).toEqual(before)
  })
})
