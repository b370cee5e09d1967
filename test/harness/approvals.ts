/** Calls that wait for people: the question that a refusal leaves, and who answers it. */
import { expect } from "vitest"
import { z } from "zod"
import type { GatewayAnswer } from "./gateways.ts"
import { accessToken } from "./issuers.ts"
import { manage, type ManagementAnswer } from "./management.ts"
import { recordOf } from "./records.ts"

export interface Question {
  readonly task: string
  readonly id: string
}

/** Id of the question that this call was refused with. */
export async function questionIn({ code, decision }: GatewayAnswer): Promise<string> {
  expect(code).toBe("approval_required")
  const { denial } = await recordOf(decision)
  return z.object({ approval: z.string() }).parse(denial).approval
}

/** A person with a token of their own, by the command line's client. */
export async function person(subject: string, ...groups: readonly string[]): Promise<string> {
  return `Bearer ${await accessToken(subject, "cli", { claims: { groups } })}`
}

export async function say(
  { task, id }: Question,
  who: string,
  body: unknown = { approve: true },
): Promise<ManagementAnswer> {
  return manage("POST", `/v1/tasks/${task}/approvals/${id}`, who, {}, body)
}
