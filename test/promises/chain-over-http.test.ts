import fc from "fast-check"
import { decodeJwt } from "jose"
import { describe, expect, inject, test } from "vitest"
import { childForm, ID_TOKEN, openChild, openTask, openTaskFor, postForm, type OpenTask } from "../harness/agents.ts"
import { yardForEach } from "../harness/each-test.ts"
import { callWith } from "../harness/gateways.ts"
import { agentId, idToken, secondProvidersToken, IDP, SECOND_IDP } from "../harness/issuers.ts"
import { inDefinition, inScopes } from "../harness/reference.ts"

yardForEach()

const AGENTS = ["first", "second", "third", "fourth"]
const ROUTES = [
  { name: "files.list", method: "GET", path: "/files" },
  { name: "files.read", method: "GET", path: "/files/a" },
  { name: "files.write", method: "PUT", path: "/files/a" },
  { name: "files.purge", method: "DELETE", path: "/files/a" },
  { name: "vault.read", method: "GET", path: "/vault/a" },
  { name: "burst.go", method: "GET", path: "/burst" },
] as const

const { tools, agents, purposes } = inject("yard")

/** Whether each level, by its own registration and what it asked for, covers the tool. */
function covered(levels: readonly (readonly string[] | undefined)[], name: string): boolean {
  const tool = tools.find((each) => each.name === name)
  const work = purposes.find((each) => each.name === "work")
  return levels.every((scopes, depth) => {
    const agent = agents.find(({ id }) => id === agentId(AGENTS[depth] ?? ""))
    if (!tool || !work || !agent) return false
    return inDefinition(work.grant, tool) && inDefinition(agent.ceiling, tool) && (!scopes || inScopes(scopes, tool))
  })
}

describe("nobody in the chain gains, over HTTP", () => {
  test("three hops down a call passes if and only if every level covers it and policy permits everyone", async () => {
    const some = fc.constantFrom(
      "files.*:read",
      "files.read:read",
      "*:read",
      "*:write",
      "files.write:write",
      "burst.*:read",
    )
    const level = fc.option(fc.uniqueArray(some, { minLength: 1, maxLength: 3 }), { nil: undefined, freq: 3 })
    let deep = 0
    const property = fc.asyncProperty(fc.array(level, { minLength: 3, maxLength: 4 }), async (wanted) => {
      const line: OpenTask[] = []
      for (const [depth, scopes] of wanted.entries()) {
        const asked = { purpose: "work", scope: scopes?.join(" ") }
        const parent = line.at(-1)
        const form = parent ? await childForm(parent.token, AGENTS[depth] ?? "") : null
        if (form && (await postForm({ ...form, ...asked })).status !== 200) break
        const agent = AGENTS[depth] ?? ""
        line.push(parent ? await openChild(parent.token, agent, asked) : await openTask(agent, asked))
      }
      const last = line.at(-1)
      if (!last) return
      const levels = wanted.slice(0, line.length)
      for (const { name, method, path } of ROUTES) {
        const body = method === "PUT" ? { body: "{}", headers: { "Content-Type": "application/json" } } : {}
        const { code } = await callWith(last.token, path, { method, ...body })
        // Policy forbids `second` to write, wherever in the chain it stands.
        const permitted = !(name === "files.write" && line.length > 1)
        expect(code, `${name} ${JSON.stringify(levels)}`).toBe(
          covered(levels, name) ? (permitted ? "ok" : "policy_denied") : "insufficient_scope",
        )
        if (code === "ok" && line.length > 2) deep += 1
      }
    })
    await fc.assert(property, { seed: 20261125, numRuns: 20 })
    expect(deep).toBeGreaterThan(10)
  })

  test("scope in the token says more than the ledger grants at no time, and grants nothing by itself", async () => {
    const root = await openTask("first", { purpose: "work", scope: "files.*:read" })
    const child = await openChild(root.token, "second", { scope: "*:read" })
    expect(child.scope.split(" ").toSorted()).toEqual(["files.forbidden:read", "files.list:read", "files.read:read"])
    expect((await callWith(child.token, "/burst")).code).toBe("insufficient_scope")
  })

  test("a child's token ends before its parent's session, the chain is told in act", async () => {
    const exp = Math.floor(Date.now() / 1000) + 100
    const root = await openTask("first", { subject_token: await idToken("alice", { claims: { exp } }) })
    const child = await openChild(root.token, "second")
    const claims = decodeJwt(child.token)
    expect(claims.exp).toBeLessThanOrEqual(exp)
    expect(claims).toMatchObject({
      sub: `${IDP}|alice`,
      client_id: agentId("second"),
      act: { sub: agentId("second"), act: { sub: agentId("first") } },
      task: `${root.task}.1`,
    })
  })

  test("what one branch has read, another may not send: the tree has one history", async () => {
    const mail = {
      method: "POST",
      body: JSON.stringify({ to: "a@example.org" }),
      headers: { "Content-Type": "application/json" },
    }
    const [tree, other, bobs] = [await openTask("first"), await openTask("first"), await openTaskFor("bob")]
    const [reader, sender] = [await openChild(tree.token, "reader"), await openChild(tree.token, "sender")]
    expect((await callWith(sender.token, "/mail", mail)).code).toBe("ok")
    expect((await callWith(reader.token, "/vault/1")).code).toBe("ok")
    expect((await callWith(sender.token, "/mail", mail)).code).toBe("policy_denied")
    expect((await callWith(tree.token, "/mail", mail)).code).toBe("policy_denied")
    // Nor in another tree of the same person.
    expect((await callWith(other.token, "/mail", mail)).code).toBe("policy_denied")
    expect((await callWith(bobs.token, "/mail", mail)).code).toBe("ok")
  })

  test("two providers' 42 are two people", async () => {
    const one = await openTask("first", { subject_token: await idToken("42") })
    const two = await openTask("first", { subject_token: await secondProvidersToken("42") })
    const user = async ({ token }: OpenTask) => (await callWith(token, "/files")).headers.get("X-Narrowgate-User")
    expect([await user(one), await user(two)]).toEqual([`${IDP}|42`, `${SECOND_IDP}|42`])
  })

  test("the user's own rights bound every agent's: a junior's agents do not write, an outsider's do nothing", async () => {
    const junior = await idToken("joe", { claims: { groups: ["staff", "juniors"] } })
    const task = await openTask("first", { subject_token: junior, scope: "files.*:write files.*:read" })
    const write = { method: "PUT", body: "{}", headers: { "Content-Type": "application/json" } }
    expect((await callWith(task.token, "/files/a", write)).code).toBe("policy_denied")
    expect((await callWith(task.token, "/files/a")).code).toBe("ok")
    const outsider = {
      ...(await childForm("", "first")),
      subject_token: await idToken("eve", { claims: { groups: [] } }),
    }
    const form = { ...outsider, subject_token_type: ID_TOKEN, scope: "files.read:read" }
    expect((await postForm(form)).refused).toMatchObject({
      error: "invalid_scope",
      error_description: expect.stringMatching(
        /^No scope can be granted\. What does not allow a tool: files\.read \(policy https:\/\/idp\.test\|eve\)\./,
      ),
    })
  })
})
