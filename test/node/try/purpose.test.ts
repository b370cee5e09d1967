import { join } from "node:path"
import { expect, it } from "vitest"
import { coveringPurpose } from "../../../cli/remote/covering-purpose.ts"
import { PACKAGE } from "../../../cli/package.ts"

const lackingOf = async (tool: string): Promise<string | null | undefined> =>
  (await coveringPurpose(join(PACKAGE, "policies"), "spiffe://example.org/agent/support", tool, undefined))?.lacking

it("says of a tool that nothing covers what is in the way: its sensitivity, or its scope", async () => {
  expect(await lackingOf("everything.echo")).toBeNull()
  expect(await lackingOf("everything.get-env")).toMatch(
    /because it is `restricted`: `max_sensitivity` of a purpose and of the agent's ceiling has to be as high/u,
  )
  expect(await lackingOf("everything.toggle-simulated-logging")).toMatch(
    /: `everything\.toggle-simulated-logging:write` has to be in a purpose and in the agent's ceiling/u,
  )
})
