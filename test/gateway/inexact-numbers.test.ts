import { describe, expect, test } from "vitest"
import { openTask } from "../harness/agents.ts"
import { yardForEach } from "../harness/each-test.ts"
import { publish, yard } from "../harness/bundles.ts"
import { callWith } from "../harness/gateways.ts"

yardForEach()

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
  const rule = {
    id: "at-most-49.99",
    policy: {
      effect: "forbid",
      principal: { op: "All" },
      action: { op: "==", entity: { type: "Action", id: "write" } },
      resource: { op: "==", entity: { type: "Tool", id: "mail.send" } },
      conditions: [{ kind: "when", body }],
    },
    reads: ["amount"],
  }

  test.each([
    ["49.99", "ok"],
    ["49.990", "ok"],
    ["4.999e1", "ok"],
    ["49", "ok"],
    ["49.9901", "policy_denied"],
    ["50", "policy_denied"],
    ["5e1", "policy_denied"],
    ['"49.99"', "ok"],
    ['"49.9901"', "policy_denied"],
    ['"49,99"', "malformed_call"],
    ["[49.99]", "malformed_call"],
    ["49.99001", "malformed_call"],
    ["49.990000000000000001", "malformed_call"],
    ["922337203685478", "malformed_call"],
  ])("%s is judged by its exact digits: %s", async (amount, code) => {
    const whole = await yard()
    const decimals = { ...whole.decimals, write: { amount: "decimal" as const } }
    await publish({ ...whole, decimals, rules: [...whole.rules, rule] })
    expect(await codeOf("/mail", `{"to":"a@example.org","amount":${amount}}`)).toBe(code)
  })
})
