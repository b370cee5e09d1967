import { expect, test } from "vitest"
import { historyKeyOf, namesOf } from "../../../src/core/guardrails/history-key.ts"
import { isOfClass, registeredClientId } from "../../../src/core/policy/registered-clients.ts"
import { yard } from "../../harness/bundles.ts"
import { CLASS } from "../../harness/registration.ts"

const UNIQUE = "abcdefghijklmnopqrstuA"
const ISSUERS = [
  "https://authz.example",
  "http://127.0.0.1:8787",
  "http://[::1]:8787",
  "https://authz.example/clients/x",
]

test.each(ISSUERS)("each client of a class of %s has the history of the class, which is no client's id", (issuer) => {
  for (const name of ["mcp", "a", "c".repeat(63)]) {
    const definition = { ...CLASS, class: name }
    const [id, other] = [UNIQUE, "0".repeat(21) + "Q"].map((each) => registeredClientId(issuer, definition, each))
    const key = `${issuer}/clients/${name}`
    expect([historyKeyOf(id ?? ""), historyKeyOf(other ?? "")]).toEqual([key, key])
    expect(namesOf(id ?? "")).toEqual([id, key])
    expect(historyKeyOf(key)).toBe(key)
    expect(isOfClass(definition, key)).toBe(false)
  }
})

test.each([
  "",
  "https://authz.example/clients/mcp",
  `https://authz.example/clients/${UNIQUE}`,
  `https://authz.example/agents/mcp/${UNIQUE}`,
  `https://authz.example/clients/mcp/${UNIQUE}x`,
  `https://authz.example/clients/mcp/x/${UNIQUE}`,
  `https://authz.example/clients/MCP/${UNIQUE}`,
  `https://authz.example/clients/mcp/${UNIQUE.slice(0, -1)}B`,
  `spiffe://example.org/clients/mcp/${UNIQUE}`,
  `https://authz.example/clients/mcp/${UNIQUE}\n`,
])("%j is the id of no such client, and has its own history", (id) => {
  expect(historyKeyOf(id)).toBe(id)
  expect(namesOf(id)).toEqual([id])
})

test("each agent of agents.yaml has its own history", async () => {
  const { agents } = await yard()
  expect(agents.map(({ id }) => historyKeyOf(id))).toEqual(agents.map(({ id }) => id))
})
