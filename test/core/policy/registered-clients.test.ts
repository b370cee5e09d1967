import { describe, expect, test } from "vitest"
import { assemble } from "../../../src/core/policy/assemble.ts"
import { entity } from "../../../src/core/policy/cedar/values/value.ts"
import { encode } from "../../../src/core/policy/encode.ts"
import { isOfClass, registeredClientId } from "../../../src/core/policy/registered-clients.ts"
import { CLASS, withClass } from "../../harness/registration.ts"

const ID = registeredClientId("https://authz.example", CLASS, `${"b".repeat(21)}A`)

describe("a client of the class", () => {
  test("is an agent by its id, and an entity in the groups of the class, and no list has it", async () => {
    const { agents, entities, storedOf } = assemble(encode(await withClass()), { seq: 1, digest: "" })
    const { owner, ceiling, purposes } = CLASS
    const may = { owner, ceiling, purposes, depth: 0, delegates_to: [] }
    expect(agents.get(ID)).toMatchObject({ id: ID, ...may, client: { registered: true, authentication: "none" } })
    expect(agents.get(ID)).not.toHaveProperty("identities")
    const { key } = entity("Agent", ID)
    expect(entities.get(key)?.ancestors).toContain('AgentGroup::"workers"')
    expect(entities.get(key)?.attrs.get("owner")).toBe("yard")
    expect(Array.from(agents.values(), ({ id }) => id)).not.toContain(ID)
    expect(Array.from(storedOf("Agent", null), ({ id }) => id)).not.toContain(ID)
  })

  test("is nobody where there is no class", async () => {
    const { agents, entities } = assemble(encode({ ...(await withClass()), registration: null }), {
      seq: 1,
      digest: "",
    })
    expect([agents.has(ID), entities.get(entity("Agent", ID).key)]).toEqual([false, undefined])
  })

  test.each([
    ["of another class", ID.replace("/mcp/", "/other/")],
    ["shorter", ID.slice(0, -1)],
    ["longer", `${ID}A`],
    ["of more bits", `${ID.slice(0, -1)}B`],
    ["with a path behind", `${ID}/x`],
    ["with a line behind", `${ID}\n`],
    ["with a query", `https://authz.example?x=/clients/mcp/${"b".repeat(21)}A`],
    ["of another scheme", ID.replace("https:", "javascript:")],
    ["without an issuer", `/clients/mcp/${"b".repeat(21)}A`],
    ["with a quotation mark", ID.replace("example", 'exa"mple')],
  ])("is not meant by an id %s", (_what, id) => {
    expect(isOfClass(CLASS, ID)).toBe(true)
    expect(isOfClass(CLASS, id)).toBe(false)
  })
})
