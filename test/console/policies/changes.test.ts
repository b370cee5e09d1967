import { describe, expect, test } from "vitest"
import { changesBetween, linesOf } from "../../../src/console/policies/changes.ts"
import { contentsOf, type Contents } from "../../../src/console/policies/contents.ts"
import { canonicalBytes } from "../../../src/core/policy/digest.ts"
import type { BundleBody } from "../../../src/core/policy/bundle.ts"
import { yard } from "../../harness/bundles.ts"
import { window } from "../../harness/guardrails.ts"

const read = (body: BundleBody): Contents =>
  contentsOf(new TextDecoder().decode(canonicalBytes(body)), { seq: 1, digest: "0".repeat(64) })
const of = (kind: string, parts: Readonly<Record<string, string>>): Contents =>
  new Map([[kind, new Map(Object.entries(parts))]])

test("a sum is shown as guardrails.yaml has it", async () => {
  const measure = { field: "arguments.amount", kind: "sum" } as const
  const sum = window({ id: "sum", tools: ["*"], per: "tree", limit: 2_000_000, seconds: 60 }, { measure })
  const contents = read({ ...(await yard()), guardrails: [sum] })
  expect(contents.get("guardrail")?.get("sum")).toContain('"limit": 200,')
})

describe("two bundles", () => {
  test("that hold the same have changed nothing", async () => {
    expect(changesBetween(read(await yard()), read(await yard()))).toEqual([])
  })

  test("differ by the rules, tools, agents, guardrails and gateways that were added, removed and changed", async () => {
    const before = await yard()
    const [firstGuardrail, ...guardrails] = before.guardrails
    const after: BundleBody = {
      ...before,
      rules: before.rules.filter(({ id }) => id !== "mail-in-house"),
      tools: before.tools.map((tool) =>
        tool.name === "files.read" ? { ...tool, sensitivity: "restricted" as const } : tool,
      ),
      agents: before.agents.map((agent) =>
        agent.owner === "yard" && agent.id.endsWith("/first") ? { ...agent, depth: 1 } : agent,
      ),
      guardrails,
      gateways: before.gateways.map((gateway, index) =>
        index === 0 ? { ...gateway, mode: "observe" as const } : gateway,
      ),
    }
    const changes = changesBetween(read(before), read(after))
    expect(changes).toEqual([
      { kind: "rule", name: "mail-in-house", how: "removed" },
      { kind: "tool", name: "files.read", how: "changed" },
      { kind: "agent", name: "spiffe://example.org/agent/first", how: "changed" },
      { kind: "guardrail", name: firstGuardrail?.id, how: "removed" },
      { kind: "gateway", name: before.gateways[0]?.id, how: "changed" },
    ])
    const [rule, tool] = changes
    if (!rule || !tool) throw new Error("nothing changed")
    expect(linesOf(rule, read(before), read(after))).toContainEqual({ text: '@id("mail-in-house")', how: "removed" })
    const lines = linesOf(tool, read(before), read(after))
    expect(lines.filter(({ how }) => how === "removed")).toEqual([
      { text: '  "sensitivity": "internal",', how: "removed" },
    ])
    expect(lines.filter(({ how }) => how === "added")).toEqual([
      { text: '  "sensitivity": "restricted",', how: "added" },
    ])
  })

  test("differ by the receivers and approvals that were added: no part is left out, whatever file it is from", async () => {
    const before = await yard()
    const after: BundleBody = {
      ...before,
      approvals: [
        ...before.approvals,
        { name: "two-people", approvers: [{ kind: "owner" }], need: 2, own: false, life: 60, uses: 1 },
      ],
      owners: { ...before.owners, shipyard: [{ kind: "group", issuer: "https://issuer.example", group: "yard" }] },
      receivers: [...before.receivers, { id: "chat", events: ["task.revoked"], format: "slack", arguments: false }],
    }
    expect(changesBetween(read(before), read(after))).toEqual([
      { kind: "approval", name: "two-people", how: "added" },
      { kind: "owner", name: "shipyard", how: "added" },
      { kind: "receiver", name: "chat", how: "added" },
    ])
  })
})

describe("the lines of a change", () => {
  const named = { kind: "rule", name: "r", how: "changed" } as const

  test("are told with two beside it, and the rest left out", () => {
    const old = Array.from({ length: 20 }, (_, index) => `line ${index}`)
    const text = (lines: readonly string[]) => of("rule", { r: lines.join("\n") })
    const now = old.with(10, "other")
    expect(linesOf(named, text(old), text(now)).map(({ text, how }) => `${how} ${text}`)).toEqual([
      "same …",
      "same line 8",
      "same line 9",
      "removed line 10",
      "added other",
      "same line 11",
      "same line 12",
      "same …",
    ])
  })

  test("of something huge are not compared, which would take long", () => {
    const huge = (character: string) =>
      of("rule", { r: Array.from({ length: 100_000 }, (_, n) => `${character}${n}`).join("\n") })
    const before = Date.now()
    const lines = linesOf(named, huge("a"), huge("b"))
    expect(Date.now() - before).toBeLessThan(1_000)
    expect(lines.reduce((sum, { text }) => sum + text.length, 0)).toBeLessThan(9_000)
  })
})
