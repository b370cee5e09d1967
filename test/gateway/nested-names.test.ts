import { beforeEach, describe, expect, test } from "vitest"
import type { LoweredRule } from "../../src/core/policy/cedar/lowered.ts"
import { openTask } from "../harness/agents.ts"
import { publish, yard } from "../harness/bundles.ts"
import { freshIsolateForEach } from "../harness/each-test.ts"
import { callWith } from "../harness/gateways.ts"

const RECIPIENT = { ".": { left: { ".": { left: { Var: "context" }, attr: "arguments" } }, attr: "recipient" } }

/** `when { context.arguments has recipient.address && context.arguments.recipient.address == "evil" }` */
const NOT_TO_EVIL: LoweredRule = {
  id: "not-to-evil",
  policy: {
    effect: "forbid",
    principal: { op: "All" },
    action: { op: "==", entity: { type: "Action", id: "write" } },
    resource: { op: "==", entity: { type: "Tool", id: "mail.send" } },
    conditions: [
      {
        kind: "when",
        body: {
          "&&": {
            left: {
              has: { left: { ".": { left: { Var: "context" }, attr: "arguments" } }, attr: ["recipient", "address"] },
            },
            right: {
              "==": { left: { ".": { left: RECIPIENT, attr: "address" } }, right: { Value: "evil" } },
            },
          },
        },
      },
    ],
  },
  reads: ["recipient"],
  members: ["address"],
}

beforeEach(async () => {
  const body = await yard()
  await publish({ ...body, rules: [...body.rules, NOT_TO_EVIL] })
})
freshIsolateForEach()

async function codeOf(recipient: string, more = ""): Promise<string> {
  const { token } = await openTask("first", { scope: "mail.*:write" })
  const body = `{"to":"a@example.org","recipient":${recipient}${more}}`
  const headers = { "Content-Type": "application/json" }
  return (await callWith(token, "/mail", { method: "POST", headers, body })).code
}

describe("a rule reads a member within an argument", () => {
  test("which decides as it is written", async () => {
    expect(await codeOf('{"address":"good"}')).toBe("ok")
    expect(await codeOf('{"address":"evil"}')).toBe("policy_denied")
  })

  const SPELLINGS = [
    "Address",
    "ADDRESS",
    "[address]",
    "address[]",
    "address.x",
    " address",
    "addre\u017fs",
    "_address",
  ]
  test.each(SPELLINGS)("and %s, which some upstream takes for it, is refused", async (spelling) => {
    expect(await codeOf(`{"${spelling}":"evil"}`)).toBe("malformed_call")
    expect(await codeOf(`{"address":"good","${spelling}":"evil"}`)).toBe("malformed_call")
  })

  test("at any depth within it, and nowhere else", async () => {
    expect(await codeOf('{"address":"good","x":[{"Address":"evil"}]}')).toBe("malformed_call")
    expect(await codeOf('{"address":"good","x":[{"address":"evil"}],"Other":1}')).toBe("ok")
    expect(await codeOf('{"address":"good"}', ',"unread":{"Address":"evil"}')).toBe("ok")
  })
})
