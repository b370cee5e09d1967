/** Programs that others wrote, and that a machine with Node and npm alone does not have. */
import { spawnSync } from "node:child_process"

export function isInstalled(program: string): boolean {
  return spawnSync(program, ["--version"]).status === 0
}
