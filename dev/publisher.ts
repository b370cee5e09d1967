/**
 * DEVELOPMENT ONLY: compiles a policy directory and publishes it to the local stack's Worker, again after each edit.
 */
import { readdir, stat } from "node:fs/promises"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import type { JWK } from "jose"
import { compilePolicies, type Compiled } from "../cli/policies/compile.ts"
import { publishTo } from "../cli/publish/client.ts"
import type { Pointer } from "../src/policy/bundle.ts"
import { canonicalBytes, digestOf } from "../src/policy/digest.ts"
import { fitToStack, type Origins } from "./seed.ts"

export interface Published {
  /** Null where the directory does not check: what was live before stays so. */
  readonly pointer: Pointer | null
  readonly compiled: Compiled
}

/** Of one Worker. */
export interface Publisher {
  readonly url: string
  readonly key: JWK
  readonly origins: Origins
}

/** @param what to decide by it, or to try it beside what decides */
export async function publish(
  directory: string,
  { url, key, origins }: Publisher,
  what: "pointer" | "candidate" = "pointer",
): Promise<Published> {
  const compiled = await compilePolicies(directory)
  const { body } = compiled
  if (!body) return { pointer: null, compiled }
  const bytes = canonicalBytes(fitToStack(body, origins))
  const digest = await digestOf(bytes)
  const said = { by: "the local stack", why: `as it stands in ${directory}` }
  const { seq } = await publishTo({ url, key, what, digest, bytes, said, over: "any" })
  return { pointer: { seq, digest }, compiled }
}

/** None is tried any more. */
export async function withdraw({ url, key }: Publisher): Promise<void> {
  const said = { by: "the local stack", why: "started without a candidate" }
  await publishTo({ url, key, what: "withdrawal", digest: "0".repeat(64), said, over: "any" })
}

const LOOK_EVERY_MS = 300

/**
 * Calls back after each edit below `directory`, one call at a time, until aborted. It looks instead of being told: a
 * file that an editor replaces by renaming is another one to a watcher.
 */
export async function onEdit(directory: string, signal: AbortSignal, work: () => Promise<void>): Promise<void> {
  let known = await fingerprint(directory)
  while (!signal.aborted) {
    await sleep(LOOK_EVERY_MS, undefined, { signal }).catch(() => undefined)
    const found = await fingerprint(directory)
    if (found === known || signal.aborted) continue
    known = found
    await work()
  }
}

/** Names, sizes and times of all files; empty for a moment while one is being replaced. */
async function fingerprint(directory: string): Promise<string> {
  try {
    const names = (await readdir(directory, { recursive: true })).toSorted()
    const files = names.map(async (name) => {
      const { size, mtimeMs } = await stat(join(directory, name))
      return `${name} ${size} ${mtimeMs}`
    })
    return (await Promise.all(files)).join("\n")
  } catch {
    return ""
  }
}
