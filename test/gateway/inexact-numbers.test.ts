import { describe, expect, test } from "vitest"
import { askAccess } from "../harness/access.ts"
import { openTask } from "../harness/agents.ts"
import { AMOUNTS } from "../harness/amounts.ts"
import { yardForEach } from "../harness/each-test.ts"
import { publish, yard } from "../harness/bundles.ts"
import { callWith, HTTP_DIALECTS } from "../harness/gateways.ts"
import { agentId } from "../harness/issuers.ts"

yardForEach()

/** The gateways that forward bodies (yard/gateways.yaml). */
const BODIES: ReadonlySet<string> = new Set(["envoy", "traefik", "agentgateway", "apisix", "kong", "authzen"])

const scope = "files.*:write mail.*:write"
const headers = { "Content-Type": "application/json" }

async function codeOf(path: string, body: string): Promise<string> {
  const { token } = await openTask("first", { scope })
  return (await callWith(token, path, { method: "POST", headers, body })).code
}

/** As clients print them that write 17 digits; none is the number that a double holds. */
const NUMBERS = ["52.520006599999999", "0.10000000000000001", "9007199254740993", "100.00000000000000001", "1e-400"]

describe("a number that a double does not hold exactly", () => {
  test.each(NUMBERS)("%s reaches a tool of which nothing reads arguments", async (number) => {
    expect(await codeOf("/files/a", `{"latitude":${number}}`)).toBe("ok")
  })

  test.each(NUMBERS)("%s is denied where a rule reads any argument", async (number) => {
    expect(await codeOf("/mail", `{"to":"a@example.org","latitude":${number}}`)).toBe("malformed_call")
    expect(await codeOf("/mail", '{"to":"a@example.org","latitude":0.5}')).toBe("ok")
  })

  test("one beyond a double, or of more than 128 characters, is denied everywhere", async () => {
    for (const number of ["1e400", "-1e999", `1.${"0".repeat(200)}`]) {
      expect(await codeOf("/files/a", `{"latitude":${number}}`)).toBe("malformed_call")
    }
  })
})

test("a body whose arguments are not read asks for no other method either", async () => {
  for (const body of [
    '{"_method":"DELETE","latitude":52.520006599999999}',
    `{"_method":"DELETE","text":"${"x".repeat(270_000)}"}`,
  ]) {
    expect(await codeOf("/files/a", body)).toBe("malformed_call")
  }
})

describe("an amount that the schema declares as decimal", () => {
  const at = (left: object, attr: string) => ({ ".": { left, attr } })
  const args = at({ Var: "context" }, "arguments")
  const limit = { decimal: [{ Value: "49.99" }] }
  const body = {
    "&&": { left: { has: { left: args, attr: "amount" } }, right: { greaterThan: [at(args, "amount"), limit] } },
  }
  const rules = ["mail.send", "desk.pay"].map((tool) => ({
    id: `${tool}-at-most-49.99`,
    policy: {
      effect: "forbid",
      principal: { op: "All" },
      action: { op: "==", entity: { type: "Action", id: "write" } },
      resource: { op: "==", entity: { type: "Tool", id: tool } },
      conditions: [{ kind: "when", body }],
    },
    reads: ["amount"],
  }))

  const CODES = { within: "ok", above: "policy_denied", unreadable: "malformed_call" } as const
  const routed = async (body: string, token: string, gateway: string): Promise<string> =>
    (await callWith(token, "/mail", { method: "POST", headers, body }, gateway)).code
  const byMcp = async (body: string, token: string, gateway: string): Promise<string> => {
    const message = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"pay","arguments":${body}}}`
    return (await callWith(token, "/desk/mcp", { method: "POST", headers, body: message }, gateway)).code
  }
  const byTool = async (body: string, token: string, gateway: string): Promise<string> => {
    const { body: told, status } = await askAccess(
      gateway,
      "evaluation",
      `{"subject":{"type":"agent","id":"${agentId("first")}"},"action":{"name":"tools/call"},
        "resource":{"type":"tool","id":"desk.pay","properties":{"arguments":${body}}},
        "context":{"authorization":"Bearer ${token}"}}`,
    )
    // A question that readers take differently is none, whatever it asks.
    return status === 400 ? "malformed_call" : told.decision ? "ok" : String(told.context?.code)
  }
  const forwarding = HTTP_DIALECTS.filter((dialect) => BODIES.has(dialect))
  const ways = [
    ...forwarding.map((dialect) => [`a route, ${dialect}`, dialect, routed] as const),
    ...forwarding.map((dialect) => [`a tool of an MCP server, ${dialect}`, dialect, byMcp] as const),
    ["a tool by its name, authzen", "authzen", byTool] as const,
  ]

  test.each(ways)("is judged by its exact digits: %s", async (_way, gateway, codeBy) => {
    const whole = await yard()
    const decimals = { contexts: { 'Action::"write"': { arguments: { members: { amount: "decimal" } } } } } as const
    await publish({ ...whole, decimals: { ...whole.decimals, ...decimals }, rules: [...whole.rules, ...rules] })
    const { token } = await openTask("first", { scope: "mail.*:write desk.*:write" })
    const codes = AMOUNTS.map(async ([amount]) => [
      amount,
      await codeBy(`{"to":"a@example.org","amount":${amount}}`, token, gateway),
    ])
    expect(await Promise.all(codes)).toEqual(AMOUNTS.map(([amount, judged]) => [amount, CODES[judged]]))
  })
})
