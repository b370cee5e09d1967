/** How the demo shows a call: what its decision record says, as a row for people or an object for programs. */
import { setTimeout as sleep } from "node:timers/promises"
import { colors } from "../../cli/terminal/colors.ts"
import { z } from "zod"
import type { Parts } from "./parts.ts"
import type { Scene } from "./story.ts"

const recordSchema = z.object({
  id: z.string(),
  decision: z.enum(["allow", "deny"]),
  code: z.string(),
  denial: z.looseObject({ reason: z.string() }).nullable(),
  rules: z.array(z.string()),
  principal: z.string().nullable(),
  total_ms: z.number(),
})
type Recorded = z.infer<typeof recordSchema>

export interface Observation {
  readonly scene: Scene
  readonly record: Recorded
  readonly asExpected: boolean
}

/** The scene with its record: the agent's view and the record's must both be as expected. */
export async function observe(scene: Scene, parts: Parts): Promise<Observation> {
  const { expected, seen } = scene
  const record = await findRecord(seen.decisionId, parts)
  const sawAllow = seen.code === null && seen.status < 400
  const asExpected =
    record.decision === expected.decision &&
    record.code === expected.code &&
    sawAllow === (expected.decision === "allow") &&
    (seen.code ?? "ok") === expected.code
  return { scene, record, asExpected }
}

/** Records of reads follow the answer within a second. */
const PATIENCE_MS = 5_000

async function findRecord(id: string | null, { stack, operator }: Parts): Promise<Recorded> {
  if (id === null) throw new Error("the gateway named no decision")
  const deadline = Date.now() + PATIENCE_MS
  for (;;) {
    const response = await fetch(`${stack.origin}/v1/decisions/${id}`, {
      headers: { authorization: `Bearer ${operator}` },
    })
    const body: unknown = await response.json()
    if (response.ok) return recordSchema.parse(body)
    if (Date.now() > deadline) throw new Error(`decision ${id} has no record: ${JSON.stringify(body)}`)
    await sleep(100)
  }
}

/** Of the outcome, the scene, the tool, and what decided: the last columns of a narrow terminal are cut. */
const WIDTHS = [20, 46, 28, 48] as const

function row(cells: readonly string[]): string {
  return cells
    .map((cell, index) => cell.padEnd(WIDTHS[index] ?? 0))
    .join("")
    .trimEnd()
}

/** @param width columns; undefined: uncut, for what is no terminal */
export function heading(width: number | undefined): string {
  return colors.dim(row(["decision", "scene", "tool", "what decided", "ms"]).slice(0, width))
}

export function asRow({ scene, record, asExpected }: Observation, width: number | undefined): string {
  const allowed = record.decision === "allow"
  const paint = allowed ? colors.green : colors.yellow
  const { tool, title, expected } = scene
  const outcome = allowed ? "allow" : record.code
  const cells = row([outcome, title, tool, decidedBy(record), record.total_ms.toFixed(0)]).slice(0, width)
  if (asExpected) return paint(outcome) + cells.slice(outcome.length)
  return `${colors.red(cells)}\n  ${colors.red(`expected ${expected.decision} ${expected.code}`)}`
}

/** The policies that determined it, or the reason if no policy did. */
function decidedBy({ denial, rules }: Recorded): string {
  if (rules.length > 0) return rules.join(", ")
  if (!denial) return ""
  const { reason, ...evidence } = denial
  const details = ["window", "argument", "bound", "what", "task", "state"].flatMap((name) => evidence[name] ?? [])
  return [reason.replaceAll("_", " "), ...details.map(String)].join(" ").slice(0, WIDTHS[3] - 1)
}

export function asJson({ scene, record, asExpected }: Observation): string {
  const { tool, title, expected } = scene
  return JSON.stringify({
    tool,
    decision: record.decision,
    code: record.code,
    expected: expected.decision,
    expected_code: expected.code,
    as_expected: asExpected,
    rules: record.rules,
    principal: record.principal,
    denial: record.denial,
    ms: record.total_ms,
    id: record.id,
    scene: title,
  })
}
