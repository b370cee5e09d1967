/**
 * The modules of the Worker on one machine, by the names under which they import each other. The package has them built;
 * a clone builds them, as `narrowgate dev` does.
 */
import { execFile } from "node:child_process"
import { existsSync } from "node:fs"
import { mkdir, readFile, writeFile } from "node:fs/promises"
import { stripTypeScriptTypes } from "node:module"
import { join } from "node:path"
import { promisify } from "node:util"
import { PACKAGE, toolAt } from "../cli/package.ts"

/** Of serve/worker/. The first is the entry. */
const OWN = ["front", "client-address", "control", "entries", "schedule"] as const
/** As serve/worker/ imports the release. */
const RELEASE = "src/index.ts"

/** @param outdir where a clone builds */
export async function workerModules(outdir: string): Promise<Readonly<Record<string, string>>> {
  const built = join(PACKAGE, "worker")
  const isBuilt = existsSync(join(built, "index.js"))
  if (!isBuilt) await buildModules(outdir)
  const from = isBuilt ? built : outdir
  return {
    ...Object.fromEntries(OWN.map((name) => [`serve/worker/${name}.ts`, join(from, "serve", `${name}.js`)])),
    [RELEASE]: join(from, "index.js"),
  }
}

async function buildModules(outdir: string): Promise<void> {
  const args = [toolAt("wrangler", "bin/wrangler.js"), "deploy", "--dry-run", "--outdir", outdir]
  const env = { ...process.env, WRANGLER_SEND_METRICS: "false", CI: "true" }
  await Promise.all([writeOwnModules(outdir), promisify(execFile)(process.execPath, args, { cwd: PACKAGE, env })])
}

/** JavaScript, with the names of modules as they are. */
export async function writeOwnModules(outdir: string): Promise<void> {
  await mkdir(join(outdir, "serve"), { recursive: true })
  for (const name of OWN) {
    const source = await readFile(join(PACKAGE, "serve/worker", `${name}.ts`), "utf8")
    await writeFile(join(outdir, "serve", `${name}.js`), stripTypeScriptTypes(source))
  }
}
