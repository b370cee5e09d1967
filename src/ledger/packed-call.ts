/**
 * A call as it crosses to its ledger: values in a fixed order. The name of each member would cost as much as its value,
 * for each call. Another order needs another `LEDGER_VERSION`.
 */
import type { LedgerCall } from "../core/record/visible-call.ts"

export const packed = (call: LedgerCall) =>
  [
    call.decisionId,
    call.task,
    call.token,
    call.proof,
    call.tool,
    call.arguments,
    call.method,
    call.target,
    call.gateway,
    call.environment,
    call.client.country,
    call.client.network,
    call.mode,
    call.retry,
    call.risks,
    call.path,
    call.segments,
    call.size,
    call.tokenHash,
    call.recordKey,
    call.receivedAt,
    call.candidate,
    call.besides ?? null,
    call.trace ?? null,
    call.steps ?? null,
    call.mcpMethod ?? null,
  ] as const

export type PackedCall = ReturnType<typeof packed>

export function unpacked(values: PackedCall): LedgerCall {
  return {
    decisionId: values[0],
    task: values[1],
    token: values[2],
    proof: values[3],
    tool: values[4],
    arguments: values[5],
    method: values[6],
    target: values[7],
    gateway: values[8],
    environment: values[9],
    client: { country: values[10], network: values[11] },
    mode: values[12],
    retry: values[13],
    risks: values[14],
    path: values[15],
    segments: values[16],
    size: values[17],
    tokenHash: values[18],
    recordKey: values[19],
    receivedAt: values[20],
    candidate: values[21],
    ...(values[22] && { besides: values[22] }),
    ...(values[23] && { trace: values[23] }),
    ...(values[24] && { steps: values[24] }),
    ...(values[25] && { mcpMethod: values[25] }),
  }
}
