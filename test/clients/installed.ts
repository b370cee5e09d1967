/** Where the clients are: in the directory that CLIENTS names, as install.sh leaves them. */
import { cpSync, readdirSync } from "node:fs"
import { join } from "node:path"

const CLIENTS = process.env["CLIENTS"] ?? ""

export const installed = CLIENTS !== ""

/** A place of the installation. */
export const installation = (...path: readonly string[]): string => join(CLIENTS, ...path)

/** Programs find their packages beside them: copies what stands in npm/ to there. */
export function place(): void {
  const here = join(import.meta.dirname, "npm")
  for (const name of readdirSync(here).filter((each) => !each.startsWith("package"))) {
    cpSync(join(here, name), installation("npm", name), { recursive: true })
  }
}
