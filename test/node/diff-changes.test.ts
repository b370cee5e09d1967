/** What `narrowgate diff` says that has changed. */
import { expect, it } from "vitest"
import { changesBetween } from "../../cli/diff/changes.ts"
import { EMPTY_BODY, type BundleBody } from "../../src/core/policy/bundle.ts"

const FULL: BundleBody = {
  ...EMPTY_BODY,
  approvals: [{ name: "two-people", approvers: [{ kind: "owner" }], need: 2, own: false, life: 60, uses: 1 }],
  owners: { yard: [{ kind: "group", issuer: "https://issuer.example", group: "yard" }] },
  receivers: [{ id: "chat", events: ["task.revoked"], format: "slack", arguments: false }],
}

it("names what was added, removed and changed, whatever file it is from", () => {
  expect(changesBetween(EMPTY_BODY, FULL)).toEqual([
    { kind: "approval", name: "two-people", how: "added" },
    { kind: "owner", name: "yard", how: "added" },
    { kind: "receiver", name: "chat", how: "added" },
  ])
  expect(changesBetween(FULL, { ...FULL, owners: {}, receivers: [] })).toEqual([
    { kind: "owner", name: "yard", how: "removed" },
    { kind: "receiver", name: "chat", how: "removed" },
  ])
})

it("takes a change of a tool's routes for one of the tool", () => {
  const tool = { name: "a.b", server: "a", action: "read", sensitivity: "public" } as const
  const listed = { ...tool, labels: [], groups: [], cost: 1, redact: [] }
  const route = { tool: "a.b", origin: "https://a.example", methods: ["GET"], path: "/b", integers: [] }
  const before = { ...EMPTY_BODY, tools: [listed], routes: [route] }
  const after = { ...before, routes: [{ ...route, path: "/c" }] }
  expect(changesBetween(before, after)).toEqual([{ kind: "tool", name: "a.b", how: "changed" }])
})

it("says what follows from another number of partitions", () => {
  const agent = { id: "https://fleet.example/agent", owner: "yard", groups: [], purposes: [], delegates_to: [] }
  const limits = { depth: 0, life: 300, trees: { live: 1, per_minute: 1 }, bound_key: true }
  const ceiling = { tools: [], max_sensitivity: "public", arguments: {} } as const
  const of = (partitions?: number): BundleBody => ({
    ...EMPTY_BODY,
    agents: [{ ...agent, ...limits, ceiling, ...(partitions && { partitions }) }],
  })
  const note = "partitions 1 → 3: for 26 hours all of them share their labels"
  expect(changesBetween(of(), of(3))).toEqual([{ kind: "agent", name: agent.id, how: "changed", note }])
  expect(changesBetween(of(3), of(3))).toEqual([])
})
