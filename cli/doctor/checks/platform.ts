/** The Workers runtime runs here, which the local stack needs: it is tried, because nothing else shows it. */
import { execFile } from "node:child_process"
import { createRequire } from "node:module"
import { dirname, join, resolve } from "node:path"
import { promisify } from "node:util"
import { requireGlibc } from "../../package.ts"
import { Failure } from "../../terminal/failure.ts"
import { ok, skipped, warn, type Finding } from "../finding.ts"
import { WITHIN_MS } from "../subject.ts"

const PLATFORM = `${process.platform} ${process.arch}, Node ${process.versions.node}`

export async function checkPlatform(): Promise<readonly Finding[]> {
  const libraryless = withoutGlibc()
  if (libraryless) return [libraryless]
  const workerd = workerdFrom([import.meta.filename, resolve("package.json")])
  if (workerd === null)
    return [skipped(`${PLATFORM}; workerd, which \`narrowgate dev\` and \`serve\` run, is not installed`)]
  return [await judgeWorkerd(workerd)]
}

/** There, no build of workerd is installed that could be tried. */
export function withoutGlibc(...system: Parameters<typeof requireGlibc>): Finding | null {
  try {
    requireGlibc(...system)
    return null
  } catch (failure) {
    if (!(failure instanceof Failure)) throw failure
    return warn(`${PLATFORM}; the local stack cannot run here: ${failure.message}`, failure.fix)
  }
}

/** @param workerd its executable, or the script that runs it */
export async function judgeWorkerd(workerd: string): Promise<Finding> {
  try {
    const { stdout } = await promisify(execFile)(workerd, ["--version"], { timeout: WITHIN_MS - 500 })
    return ok(`${PLATFORM}; ${stdout.trim()} runs`)
  } catch (failure) {
    const why = failure instanceof Error && "stderr" in failure ? String(failure.stderr).trim() : String(failure)
    return warn(
      `${PLATFORM}; the local stack cannot run here: workerd does not start${why === "" ? "" : `: ${why}`}`,
      "Use Linux with glibc 2.35 or newer (Debian 12, Ubuntu 22.04), macOS 13.5 or newer, or Windows.",
    )
  }
}

/** It comes with miniflare; for `narrowgate serve` it is installed by itself. */
export function workerdFrom(files: readonly string[]): string | null {
  for (const from of files) {
    const found = resolved("miniflare", from) ?? from
    const workerd = resolved("workerd/package.json", found)
    if (workerd !== null) return join(dirname(workerd), "bin/workerd")
  }
  return null
}

function resolved(name: string, from: string): string | null {
  try {
    return createRequire(from).resolve(name)
  } catch {
    return null
  }
}
