/** A task as it is stored: the same again, and no larger for each tool that its limits apply to. */
import fc from "fast-check"
import { expect, test } from "vitest"
import { ACTIONS, SENSITIVITIES } from "../../../src/core/catalog/tool.ts"
import type { ToolGrant } from "../../../src/core/task/grant.ts"
import { taskOfText, taskText, type TaskBody } from "../../../src/core/task/task-text.ts"

const body = (tools: Readonly<Record<string, ToolGrant>>): TaskBody => ({
  id: "tsk_1",
  parent: null,
  agent: "first",
  audiences: ["https://api.test/"],
  purpose: "work",
  isolated: false,
  grant: { tools, environments: ["test"], calls: 3 },
  scope: "files.*:read",
  details: null,
  plan: null,
  idle: null,
  openedAt: 1,
  expiresAt: 2,
  limitedBy: "session",
  bytes: 3,
})

const bounds = fc.dictionary(
  fc.constantFrom("file", "to", "__proto__"),
  fc.record({ like: fc.string({ maxLength: 3 }) }),
)
const toolGrant = fc.record({
  action: fc.constantFrom(...ACTIONS),
  maxSensitivity: fc.constantFrom(...SENSITIVITIES),
  bounds: fc.array(bounds, { maxLength: 3 }),
})

test("says what it said, tool by tool and in the same order", () => {
  fc.assert(
    fc.property(fc.dictionary(fc.string({ maxLength: 5 }), toolGrant), (tools) => {
      const { grant, ...read } = taskOfText(taskText(body(tools)))
      const { grant: written, ...rest } = body(tools)
      expect(read).toEqual(rest)
      expect({ ...grant, tools: JSON.stringify(grant.tools) }).toEqual({ ...written, tools: JSON.stringify(tools) })
    }),
  )
})

test("takes the longest bounds once, however many tools they apply to", () => {
  const long = { file: { like: "x".repeat(4_000) } }
  const one: ToolGrant = { action: "read", maxSensitivity: "internal", bounds: [long, { to: { eq: "a" } }] }
  const sizeOf = (count: number): number =>
    taskText(body(Object.fromEntries(Array.from({ length: count }, (_, nth) => [`tool.${nth}`, one])))).length
  expect(sizeOf(1)).toBeGreaterThan(4_000)
  expect(sizeOf(75) - sizeOf(1)).toBeLessThan(75 * 20)
})
