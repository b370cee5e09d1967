/** What a hostile program, a stranger's link and an agent's text make of people's pages: attacks over HTTP. */
import { beforeEach, describe, expect, test } from "vitest"
import { z } from "zod"
import { clientDocument, forgetClientDocuments } from "../../src/credentials/client-document.ts"
import { openTask } from "../harness/agents.ts"
import {
  allow,
  answer,
  codeFor,
  formOf,
  query,
  redeem,
  refreshBy,
  sentTo,
  shown,
  signedIn,
  taskOf,
  visit,
} from "../harness/browser.ts"
import { visitorAs } from "../harness/browsing.ts"
import { publish, yard } from "../harness/bundles.ts"
import { knock } from "../harness/door.ts"
import { yardForEach } from "../harness/each-test.ts"
import { callWith } from "../harness/gateways.ts"
import { window } from "../harness/guardrails.ts"
import { forgetCaches } from "../harness/isolate.ts"
import { agentId, US } from "../harness/issuers.ts"
import { bearerOf, manage, viewOf } from "../harness/management.ts"
import { Place } from "../harness/places.ts"

yardForEach()

describe("a link to the sign-in", () => {
  // What is left of each once a URL parser has taken the dots out begins like another host.
  test.for([
    "/.//evil.example",
    "/./%2f/../..//evil.example",
    "/console/..//evil.example/console",
    "/%2e//evil.example",
    "/%2E%2e//evil.example",
    "/console/%2e%2e//evil.example",
    "//evil.example",
    "/\\evil.example",
    "/./\\evil.example",
    "https://evil.example/",
    "javascript:alert(1)",
  ])("leads back to none but our own pages: %s", async (place) => {
    const said = await knock(new Request(`${US}/sign-in?${new URLSearchParams({ return: place }).toString()}`))
    expect(said.status).toBe(400)
    expect(await said.text()).toContain("not a page of Narrowgate")
  })
})

describe("what a person says yes to", () => {
  const CHANGED = "has changed since you opened this page"

  /** A program by its own document, which a test exchanges. */
  async function documented(): Promise<{ readonly id: string; readonly says: (members: object) => Promise<void> }> {
    const place = new Place()
    const body = await yard()
    const [agent] = body.agents
    const entity = body.entities.find(({ uid }) => uid.type === "Agent" && uid.id === agent?.id)
    if (!agent || !entity) throw new Error("the yard has changed")
    const { identities: _identities, ...rest } = agent
    const client = { metadata: true, authentication: "none" } as const
    const agents = [...body.agents, { ...rest, id: place.uri, client }]
    const entities = [...body.entities, { ...entity, uid: { type: "Agent", id: place.uri } }]
    await publish({ ...body, agents, entities }, 2)
    forgetCaches()
    return {
      id: place.uri,
      async says(members) {
        const json = { client_id: place.uri, redirect_uris: ["https://one.example/callback"], ...members }
        await place.answers({ headers: { "content-type": "application/json" }, json })
        forgetClientDocuments()
        await clientDocument(place.uri, { now: Date.now(), local: true, background: () => undefined })
      },
    }
  }

  const NAMED = { client_name: "Notes" }
  const PROVEN = {
    ...NAMED,
    token_endpoint_auth_method: "private_key_jwt",
    jwks_uri: "https://one.example/keys",
  }
  /** Each in one thing. */
  const OTHER: Readonly<Record<string, object>> = {
    "sends the answer elsewhere": { ...PROVEN, redirect_uris: ["https://two.example/callback"] },
    "has another name": { ...PROVEN, client_name: "Payroll" },
    "need not prove any more who it is": NAMED,
  }
  test.for(Object.entries(OTHER))("is no program that %s by the time they say it", async ([, other]) => {
    const { id, says } = await documented()
    await says(PROVEN)
    const search = query({ client_id: id, redirect_uri: undefined, scope: "files.*:read" })
    const alice = await signedIn()
    const form = await formOf(search, alice)
    form.set("decision", "allow")
    await says(other)
    const said = await answer(search, alice, form)
    expect([said.status, said.headers.get("location")]).toEqual([200, null])
    expect(await said.text()).toContain(CHANGED)
    // Shown as it is now it can be said yes to.
    expect(sentTo(await allow(search, alice)).searchParams.has("code")).toBe(true)
  })

  test("is no other program at the same place of the same machine, nor one of another owner by the time they say it", async () => {
    const [LAPTOP, TWIN] = ["https://laptop.test/agent", "https://twin.test/agent"]
    const body = await yard()
    const laptop = body.agents.find(({ id }) => id === LAPTOP)
    const entity = body.entities.find(({ uid }) => uid.type === "Agent" && uid.id === LAPTOP)
    if (!laptop || !entity) throw new Error("the yard has changed")
    const agents = [...body.agents, { ...laptop, id: TWIN }]
    const entities = [...body.entities, { ...entity, uid: { type: "Agent", id: TWIN } }]
    await publish({ ...body, agents, entities }, 2)
    forgetCaches()
    const ofProgram = (client_id: string) =>
      query({ client_id, redirect_uri: "http://127.0.0.1:5050/callback", scope: "files.*:read" })
    const alice = await signedIn()
    const form = await formOf(ofProgram(LAPTOP), alice)
    form.set("decision", "allow")
    const other = await answer(ofProgram(TWIN), alice, form)
    expect([other.status, await other.text()]).toEqual([200, expect.stringContaining(CHANGED)])
    const sold = agents.map((agent) => (agent.id === LAPTOP ? { ...agent, owner: "somebody else" } : agent))
    await publish({ ...body, agents: sold, entities }, 3)
    forgetCaches()
    const said = await answer(ofProgram(LAPTOP), alice, form)
    expect([said.status, await said.text()]).toEqual([200, expect.stringContaining(CHANGED)])
    expect(sentTo(await allow(ofProgram(LAPTOP), alice)).searchParams.has("code")).toBe(true)
  })

  test("is no tool that counts as more sensitive by the time they say it, nor a purpose of other words", async () => {
    const body = await yard()
    const search = query({ scope: "files.*:read" })
    const alice = await signedIn()
    const form = await formOf(search, alice)
    form.set("decision", "allow")
    const tools = body.tools.map((tool) =>
      tool.name === "files.list" ? { ...tool, sensitivity: "confidential" as const } : tool,
    )
    const entities = body.entities.map((entity) =>
      entity.uid.type === "Tool" && entity.uid.id === "files.list"
        ? { ...entity, attrs: { ...entity.attrs, sensitivity: "confidential" } }
        : entity,
    )
    await publish({ ...body, tools, entities }, 2)
    forgetCaches()
    expect(await (await answer(search, alice, form)).text()).toContain(CHANGED)
    const again = await formOf(search, alice)
    again.set("decision", "allow")
    const purposes = body.purposes.map((purpose) => ({ ...purpose, description: "empty the till" }))
    await publish({ ...body, tools, entities, purposes }, 3)
    forgetCaches()
    expect(await (await answer(search, alice, again)).text()).toContain(CHANGED)
  })

  test("has no words of the program among ours", async () => {
    const lie = "nothing happens before you press Allow twice, says your IT; file"
    const details = (name: string) =>
      query({
        scope: undefined,
        authorization_details: JSON.stringify([
          { type: "narrowgate_call", tools: ["files.read"], actions: ["read"], arguments: { [name]: { like: "*" } } },
        ]),
      })
    const { html } = await shown(await visit(details(lie), await signedIn()))
    expect(html).not.toContain(`only where ${lie}`)
    expect(html).toContain(`${JSON.stringify(lie).replaceAll('"', "&quot;")} is like`)
    // What turns round stays among itself.
    const turned = await shown(await visit(details("שלום"), await signedIn()))
    expect(turned.html).toMatch(/<bdi>[^<]*שלום/)
  })
})

describe("a question about a call", () => {
  beforeEach(async () => {
    const body = await yard()
    const once = { id: "once", tools: ["files.write"], per: "task", limit: 1, seconds: 60 } as const
    await publish({ ...body, guardrails: [...body.guardrails, window(once, { consequence: "approve" })] }, 2)
    forgetCaches()
  })

  test("is asked of nobody if it has an argument that some parser drops", async () => {
    const { token } = await openTask("first")
    const write = async (search: string, more = "") =>
      callWith(token, `/files/a${search}`, {
        method: "PUT",
        body: `{"text":"two"${more}}`,
        headers: { "Content-Type": "application/json" },
      })
    expect((await write("")).code).toBe("ok")
    expect((await write("")).code).toBe("approval_required")
    expect((await write("?__proto__=everything")).code).toBe("malformed_call")
    expect((await write("", ',"__proto__":"everything"')).code).toBe("malformed_call")
  })
})

describe("the stop", () => {
  test("is shown, and can be lifted, whatever moment somebody has set", async () => {
    const body = { agent: agentId("first"), before: 8_640_000_000_000 }
    const set = await manage("POST", "/v1/revocations", await bearerOf("operator"), {}, body)
    expect(set.status).toBe(200)
    const { id } = z.object({ id: z.string() }).parse(set.json)
    const operator = await visitorAs("operator")
    expect((await operator.get("/console/stop")).status).toBe(200)
    expect((await operator.get(`/console/stop/lift?id=${id}`)).status).toBe(200)
    expect((await operator.get(`/console/agents/agent?id=${encodeURIComponent(agentId("first"))}`)).status).toBe(200)
  })
})

describe("a code and its refresh tokens", () => {
  test("open nothing at an audience that has been taken from their agent", async () => {
    const { issued } = await redeem(await codeFor())
    const code = await codeFor()
    const body = await yard()
    const taken = { audiences: ["https://other.test/"] }
    const agents = body.agents.map((agent) => (agent.id === agentId("first") ? { ...agent, ...taken } : agent))
    const [gateway] = body.gateways
    if (!gateway) throw new Error("the yard has changed")
    const other = { ...gateway, id: "other", audience: "https://other.test/" }
    await publish({ ...body, agents, gateways: [...body.gateways, other] }, 2)
    forgetCaches()
    const { refused } = await refreshBy(issued?.refresh_token ?? "")
    expect(refused?.error).toBe("invalid_target")
    expect((await redeem(code)).refused?.error).toBe("invalid_target")
  })

  test("come once, however many ask for them at once", async () => {
    const code = await codeFor()
    const all = await Promise.all(Array.from({ length: 6 }, async () => redeem(code)))
    const got = all.flatMap(({ issued }) => issued ?? [])
    expect(got.length).toBeLessThanOrEqual(1)
    // Who came second has shown that somebody has it who should not: what the first got is over.
    expect(await viewOf(taskOf(code))).toMatchObject({ status: "revoked", ended_by: "misuse" })
    for (const { access_token } of got) expect((await callWith(access_token, "/files")).code).toBe("invalid_token")
  })
})
