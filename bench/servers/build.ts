/**
 * Bundles a Worker as it is deployed, by wrangler without deploying. Built anew for each run: a stale one would lie.
 */
import { execFile } from "node:child_process"
import { basename, extname, join } from "node:path"
import { promisify } from "node:util"
import type { Lab } from "../lab.ts"

const ROOT = join(import.meta.dirname, "../..")
const FLOORS = join(import.meta.dirname, "../workers")
const TIMEOUT_MS = 60_000

/** @returns the path of the one module */
export async function buildNarrowgate(lab: Lab): Promise<string> {
  return lab.once("narrowgate", () => build(lab, [], "index.js"))
}

/** The same, but that it counts what its object of shared counts is asked: see workers/counted.ts. */
export async function buildCounted(lab: Lab): Promise<string> {
  return lab.once("counted", () => build(lab, [join(FLOORS, "counted.ts")], "counted.js"))
}

/** The same, with a meter on its objects and a clock that is moved: see workers/metered.ts. */
export async function buildMetered(lab: Lab): Promise<string> {
  const args = [join(FLOORS, "metered.ts"), "--compatibility-flags", ...METER_FLAGS]
  return lab.once("metered", () => build(lab, args, "metered.js"))
}
/** What workerd must have switched on for it. */
export const METER_FLAGS = ["nodejs_als"] as const

/** The same as it is, but that anybody can be signed in: see workers/signed-in.ts. */
export async function buildSignedIn(lab: Lab): Promise<string> {
  return lab.once("signed-in", () => build(lab, [join(FLOORS, "signed-in.ts")], "signed-in.js"))
}

/** The same as it is, but that its record logs can be filled: see workers/filled.ts. */
export async function buildFilled(lab: Lab): Promise<string> {
  return lab.once("filled", () => build(lab, [join(FLOORS, "filled.ts")], "filled.js"))
}

/** @param file one of workers/ */
export async function buildFloor(lab: Lab, file: string): Promise<string> {
  const args = [join(FLOORS, file), "--config", join(FLOORS, "wrangler.toml")]
  return lab.once(file, () => build(lab, args, `${basename(file, extname(file))}.js`))
}

async function build(lab: Lab, args: readonly string[], module: string): Promise<string> {
  const outdir = lab.place("build")
  const wrangler = join(ROOT, "node_modules/wrangler/bin/wrangler.js")
  const command = [wrangler, "deploy", ...args, "--dry-run", "--outdir", outdir]
  const env = { ...process.env, WRANGLER_SEND_METRICS: "false", CI: "true" }
  await promisify(execFile)(process.execPath, command, { cwd: ROOT, env, timeout: TIMEOUT_MS })
  return join(outdir, module)
}
