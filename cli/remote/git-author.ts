/** Who publishes and why, according to git, if the options do not say so. */
import { execFile } from "node:child_process"
import { userInfo } from "node:os"
import { promisify } from "node:util"
import { EXIT, Failure } from "../terminal/failure.ts"
import type { PublicationReason } from "../compiler/sign.ts"

const MAX_BY = 256
const MAX_WHY = 1_024

export async function publicationReason(
  directory: string,
  given: { by?: string; why?: string },
): Promise<Omit<PublicationReason, "aud">> {
  const by = given.by ?? (await author(directory))
  const why = given.why ?? (await lastCommit(directory))
  if (why === null) throw new Failure("no reason is given", 'Add --why "…": the history shows it.', EXIT.usage)
  return { by: by.trim().slice(0, MAX_BY), why: why.trim().slice(0, MAX_WHY) }
}

async function author(directory: string): Promise<string> {
  const email = await git(directory, ["config", "user.email"])
  return email ?? userInfo().username
}

/** Of the directory; null if git knows none, or if the directory has uncommitted changes. */
async function lastCommit(directory: string): Promise<string | null> {
  const changed = await git(directory, ["status", "--porcelain", "--", "."])
  const commit = await git(directory, ["log", "-1", "--format=%h %s", "--", "."])
  return changed === null && commit !== null ? commit : null
}

/** Null if there is no output, no git or no repository. */
async function git(directory: string, args: readonly string[]): Promise<string | null> {
  try {
    const { stdout } = await promisify(execFile)("git", ["-C", directory, ...args])
    return stdout.trim() || null
  } catch {
    return null
  }
}
