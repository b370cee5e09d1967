import { decodeJwt } from "jose"
import { beforeEach, describe, expect, test } from "vitest"
import { exchangeForm, JWT_BEARER, postForm, type Form, type TokenAnswer } from "../harness/agents.ts"
import { codeFor, redeem, refreshBy } from "../harness/browser.ts"
import { publish, yard } from "../harness/bundles.ts"
import { knock } from "../harness/door.ts"
import { freshIsolateForEach } from "../harness/each-test.ts"
import { agentId, IDP, svid, US } from "../harness/issuers.ts"
import { AUDIENCE_ABOVE, LOOK_ALIKES } from "./resources-to-refuse.ts"

const OTHER = "https://other.example/"
/** At the audience's own origin, and at one that is no audience's. */
const CRM = { name: "crm", origin: "https://api.example", path: "/crm/mcp", enforces_headers: false }
const FAR = { name: "far", origin: "https://far.example", path: "/mcp", enforces_headers: false }

/** Gateways of two audiences; both stand in front of `far`, if `isShared`. */
async function publishWith({ isShared = false, registered = [] as readonly string[] } = {}): Promise<void> {
  const body = await yard()
  const [gateway] = body.gateways
  if (!gateway) throw new Error("the yard has changed")
  const crm = { ...gateway, origins: [CRM.origin, FAR.origin], audience: AUDIENCE_ABOVE }
  const other = { ...gateway, id: "other", key_sha256: ["0".repeat(64)], origins: ["https://other.example"] }
  const origins = isShared ? [...other.origins, FAR.origin] : other.origins
  await publish({
    ...body,
    gateways: [crm, { ...other, origins, audience: OTHER }],
    servers: [...body.servers, CRM, FAR],
    agents: body.agents.map((agent) =>
      agent.id === agentId("first") && registered.length > 0 ? { ...agent, audiences: registered } : agent,
    ),
  })
}

const ask = async (more: Form): Promise<TokenAnswer> =>
  postForm({ ...(await exchangeForm("first")), audience: undefined, ...more })
const audOf = ({ issued }: Pick<TokenAnswer, "issued">): unknown => decodeJwt(issued?.access_token ?? "").aud

describe("a resource indicator (RFC 8707) names an audience by", () => {
  beforeEach(async () => publishWith())
  freshIsolateForEach()

  test.each([
    ["itself", AUDIENCE_ABOVE],
    ["the URL of an MCP server below it", CRM.origin + CRM.path],
    ["a URL below it", `${AUDIENCE_ABOVE}/tickets/42`],
    ["the URL of an MCP server behind its gateway, elsewhere", FAR.origin + FAR.path],
  ])("%s, and the token is for the audience", async (_what, resource) => {
    expect(audOf(await ask({ resource }))).toBe(AUDIENCE_ABOVE)
    expect(audOf(await ask({ audience: resource }))).toBe(AUDIENCE_ABOVE)
    expect(audOf(await ask({ audience: resource, resource: AUDIENCE_ABOVE }))).toBe(AUDIENCE_ABOVE)
  })

  test("what only looks like one of those means nothing", async () => {
    const all = Object.entries(LOOK_ALIKES).map(async ([what, resource]) => ({ what, answer: await ask({ resource }) }))
    for (const { what, answer } of await Promise.all(all)) {
      expect([answer.issued, answer.refused?.error], what).toEqual([null, "invalid_target"])
    }
    for (const resource of [
      "https://far.example/",
      "https://far.example/mcp/",
      "https://far.example/mcp?x",
      "https://far.example/mcp/x",
    ]) {
      expect((await ask({ resource })).refused?.error, resource).toBe("invalid_target")
    }
  })

  test("resources of two audiences are one request too many", async () => {
    expect((await ask({ resource: [CRM.origin + CRM.path, OTHER] })).refused?.error).toBe("invalid_target")
  })

  test("at the browser, and every token request of the code's means the same audience, however it is named", async () => {
    const server = { resource: CRM.origin + CRM.path }
    const { issued } = await redeem(await codeFor(server), server)
    expect(audOf({ issued })).toBe(AUDIENCE_ABOVE)
    const renewed = await refreshBy(issued?.refresh_token ?? "", server)
    expect(audOf(renewed)).toBe(AUDIENCE_ABOVE)
    const again = await refreshBy(renewed.issued?.refresh_token ?? "", { resource: AUDIENCE_ABOVE })
    expect(audOf(again)).toBe(AUDIENCE_ABOVE)
    expect((await refreshBy(again.issued?.refresh_token ?? "", { resource: OTHER })).refused?.error).toBe(
      "invalid_target",
    )
    expect((await redeem(await codeFor(server), { resource: OTHER })).refused?.error).toBe("invalid_target")
  })

  test("where a person elsewhere is asked", async () => {
    const post = async (resource: string): Promise<unknown> => {
      const proof = { client_assertion: await svid("first"), client_assertion_type: JWT_BEARER }
      const body = new URLSearchParams({ ...proof, login_hint: `${IDP}|alice`, scope: "files.*:read", resource })
      return (await knock(new Request(`${US}/oauth/bc-authorize`, { method: "POST", body }))).json()
    }
    expect(await post("https://api.example/crm2/mcp")).toMatchObject({ error: "invalid_target" })
    expect(await post(CRM.origin + CRM.path)).toMatchObject({ auth_req_id: expect.any(String) })
  })
})

describe("a resource that two audiences could mean", () => {
  freshIsolateForEach()
  const resource = FAR.origin + FAR.path

  test("is refused by name", async () => {
    await publishWith({ isShared: true })
    const { refused } = await ask({ resource })
    expect(refused).toMatchObject({ error: "invalid_target" })
    expect(refused?.error_description).toContain(`${AUDIENCE_ABOVE} ${OTHER}`)
  })

  test("unless the agent may have tokens for one of them only", async () => {
    await publishWith({ isShared: true, registered: [OTHER] })
    expect(audOf(await ask({ resource }))).toBe(OTHER)
    expect((await ask({ resource: CRM.origin + CRM.path })).refused?.error).toBe("invalid_target")
  })

  test("or another resource of the request leaves one", async () => {
    await publishWith({ isShared: true })
    expect(audOf(await ask({ resource: [resource, OTHER] }))).toBe(OTHER)
  })
})
