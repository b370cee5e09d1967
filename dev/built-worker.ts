/** The built Worker: the package has it, and a clone makes it, for each program anew, as several may start at once. */
import { execFile } from "node:child_process"
import { existsSync } from "node:fs"
import { join } from "node:path"
import { promisify } from "node:util"
import { PACKAGE, toolAt } from "./package.ts"

/** The Worker that is deployed; and the one for tests, whose clock they advance. */
export const WORKERS = {
  release: { source: "src/index.ts", packed: "worker/index.js" },
  test: { source: "testing/worker/index.ts", packed: "testing/worker/index.js" },
} as const

/** @returns the path of its one module, below `outdir` unless the package has it */
export async function builtWorker(which: keyof typeof WORKERS, outdir: string): Promise<string> {
  const { source, packed } = WORKERS[which]
  const built = join(PACKAGE, packed)
  if (existsSync(built)) return built
  await promisify(execFile)(
    process.execPath,
    [toolAt("wrangler", "bin/wrangler.js"), "deploy", source, "--dry-run", "--outdir", outdir],
    { cwd: PACKAGE, env: { ...process.env, WRANGLER_SEND_METRICS: "false", CI: "true" } },
  )
  return join(outdir, "index.js")
}
