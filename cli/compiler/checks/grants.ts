/** Where grants stand in agents.yaml: every purpose has one; every agent, and the class in `registration`, a ceiling. */
import type { AgentsFile } from "../schema/agents.ts"
import type { Path } from "../source/source.ts"

export interface PlacedGrant {
  readonly path: Path
  readonly grant: AgentsFile["purposes"][number]["grant"]
}

export function grantsOf({ purposes, agents, registration }: AgentsFile): PlacedGrant[] {
  return [
    ...purposes.map(({ grant }, index) => ({ path: ["purposes", index, "grant"], grant })),
    ...agents.map(({ ceiling }, index) => ({ path: ["agents", index, "ceiling"], grant: ceiling })),
    ...(registration ? [{ path: ["registration", "ceiling"], grant: registration.ceiling }] : []),
  ]
}
