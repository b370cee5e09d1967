import { expect, it } from "vitest"
import type { LedgerCall } from "../../src/core/record/visible-call.ts"
import { packed, unpacked } from "../../src/ledger/packed-call.ts"

/** No two values are the same. */
const CALL: Required<LedgerCall> = {
  decisionId: "decision",
  task: "task",
  token: "token",
  proof: { jti: "proof", jkt: "key", iat: 1, freshUntil: 8, nonce: "nonce" },
  tool: "tool",
  arguments: { complete: true, values: { ticket: "T-1" } },
  method: "method",
  target: "target",
  gateway: "gateway",
  environment: "environment",
  client: { country: "country", network: "network" },
  mode: "observe",
  retry: { requestId: "request", call: "call" },
  risks: [{ kind: "agent", name: "name", signal: { level: 2, at: 3, halfLife: 4 } }],
  path: "path",
  segments: [null, "segment"],
  size: 5,
  tokenHash: "hash",
  recordKey: "record key",
  receivedAt: 6,
  candidate: { seq: 7, digest: "digest" },
  besides: ["answer"],
  trace: "trace",
  steps: { keys: 9 },
  mcpMethod: "MCP method",
}

it("crosses whole", () => {
  expect(unpacked(packed(CALL))).toEqual(CALL)
  const { besides: _, trace: _trace, steps: _steps, mcpMethod: _method, ...others } = CALL
  expect(unpacked(packed(others))).toEqual(others)
})
