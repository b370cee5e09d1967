import { expect, it } from "vitest"
import { nextCommands } from "../../../cli/init/next.ts"
import type { Plan } from "../../../cli/init/files/plan.ts"
import { argumentTypes } from "../../../cli/import/argument-types.ts"
import type { FoundTool } from "../../../cli/import/found-tools.ts"

it("calls a tool with the arguments that it requires alone: others may exclude each other", () => {
  const inputs = argumentTypes({
    properties: { id: { type: "integer" }, name: { type: "string" }, where: { type: "object" } },
  })
  const tool: FoundTool = {
    name: "notes.get",
    description: "",
    suggestion: { action: "read", labels: [], because: "" },
    unseen: { action: "execute", labels: [] },
    mark: { kind: "pin", hash: "", parts: {} },
    inputs,
    // No client can name an argument like the last one, nor can a line for a shell.
    required: ["id", "where", "'; rm -rf ~ #"],
  }
  const plan: Plan = {
    found: {
      prefix: "notes",
      source: "",
      reached: { by: "server", at: null, enforcesHeaders: false },
      tools: [tool],
      withheld: [],
      skipped: [],
      refused: [],
      notes: [],
    },
    classes: new Map([["notes.get", { action: "read", sensitivity: "internal", labels: [], isLookedAt: true }]]),
    at: { origin: "http://127.0.0.1:8080", path: "/notes/mcp" },
    probe: null,
    highest: "internal",
    writes: "listed",
    agent: "spiffe://example.org/agent/a",
    owner: "a",
    purpose: "a",
    group: "a",
    gateway: { dialect: "envoy", keyDigest: "" },
    trust: { kind: "local" },
  }
  expect(nextCommands("mine", plan).at(-1)).toMatch(
    / try notes\.get --arguments '\{"id":1\}' --policies mine --agent spiffe:\/\/example\.org\/agent\/a --user alice$/u,
  )
})
