/** The built Worker: the package has it, and a clone makes it, for each program anew, as several may start at once. */
import { execFile } from "node:child_process"
import { existsSync } from "node:fs"
import { join } from "node:path"
import { promisify } from "node:util"
import { PACKAGE, toolAt } from "../cli/package.ts"

/** The Worker that is deployed; and the one for tests, whose clock they advance. */
export const WORKERS = ["release", "test"] as const
type WorkerName = (typeof WORKERS)[number]

const SOURCES = { release: "src/index.ts", test: "testing/worker/index.ts" } as const satisfies Record<
  WorkerName,
  string
>
/** Where the package has it. */
export const PACKED = { release: "worker/index.js", test: "testing/worker/index.js" } as const satisfies Record<
  WorkerName,
  string
>

/** @returns the path of its one module, below `outdir` unless the package has it */
export async function builtWorker(which: WorkerName, outdir: string): Promise<string> {
  const packed = join(PACKAGE, PACKED[which])
  if (existsSync(packed)) return packed
  await promisify(execFile)(
    process.execPath,
    [toolAt("wrangler", "bin/wrangler.js"), "deploy", SOURCES[which], "--dry-run", "--outdir", outdir],
    { cwd: PACKAGE, env: { ...process.env, WRANGLER_SEND_METRICS: "false", CI: "true" } },
  )
  return join(outdir, "index.js")
}
