/** What an approver sees first of a call: an agent chooses the arguments, and must not choose which of them are seen. */
import { html } from "hono/html"
import { expect, test } from "vitest"
import { KeyArguments } from "../../src/console/approvals/key-facts.tsx"
import type { CallApprovalDetail } from "../../src/api/contract/approvals.ts"

const RULES: Readonly<Record<string, string>> = {
  "by a dot": "unless { context.arguments.amount <= 10000 };",
  "by `has`": "when { context.arguments has amount };",
  "by a text": 'when { context.arguments["amount"] > 10000 };',
}
/** Each is the beginning of the argument that the rule reads, and shorter. */
const DECOYS = { a: 1, am: 2, amo: 3, amou: 4, amoun: 5 }

test.each(Object.entries(RULES))(
  "an argument that a rule reads %s is first, whatever others are called",
  async (_how, text) => {
    const shown = await textOf({ arguments: { ...DECOYS, amount: 2_499_000 }, text })
    expect(shown.indexOf("2499000")).toBeGreaterThan(-1)
    expect(shown.indexOf("2499000")).toBeLessThan(shown.indexOf(">a<"))
  },
)

test("of a long value both ends are shown", async () => {
  const to = `accounting@example.org.${"a".repeat(200)}.attacker.example`
  const shown = await textOf({ arguments: { to }, text: "when { context.arguments has to };" })
  expect(shown).toContain("accounting@example.org.")
  expect(shown).toContain(".attacker.example")
})

async function textOf({
  arguments: args,
  text,
}: {
  readonly arguments: Readonly<Record<string, unknown>>
  readonly text: string
}) {
  const reason: CallApprovalDetail["reason"] = { rules: [{ id: "rule", text }], guardrail: null, figures: null }
  const of: Pick<CallApprovalDetail, "arguments" | "redacted" | "reason"> = {
    arguments: { ...args },
    redacted: [],
    reason,
  }
  return (await html`${KeyArguments({ of })}`).toString()
}
