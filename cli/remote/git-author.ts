/** Who publishes and why, according to git, if the options do not say so. */
import { execFile } from "node:child_process"
import { userInfo } from "node:os"
import { basename, resolve } from "node:path"
import { promisify } from "node:util"
import type { PublicationReason } from "../compiler/sign.ts"

const MAX_BY = 256
const MAX_WHY = 1_024

export async function publicationReason(
  directory: string,
  given: { by?: string; why?: string },
): Promise<Omit<PublicationReason, "aud">> {
  const by = given.by ?? (await author(directory))
  const why = given.why ?? (await lastCommit(directory))
  return { by: by.trim().slice(0, MAX_BY), why: why.trim().slice(0, MAX_WHY) }
}

async function author(directory: string): Promise<string> {
  const email = await git(directory, ["config", "user.email"])
  return email || userInfo().username
}

/** Of the directory, if it is what is published. Its path on this machine is left out: others need not know it. */
async function lastCommit(directory: string): Promise<string> {
  const commit = await git(directory, ["log", "-1", "--format=%h %s", "--", "."])
  if (!commit) return `${basename(resolve(directory))}, not committed`
  const changed = await git(directory, ["status", "--porcelain", "--untracked-files=normal", "--", "."])
  return changed === "" ? commit : `${commit}, with uncommitted changes`
}

/** Null if git fails: it is not there, this is no repository, or it prints too much. */
async function git(directory: string, args: readonly string[]): Promise<string | null> {
  try {
    const { stdout } = await promisify(execFile)("git", ["-C", directory, ...args])
    return stdout.trim()
  } catch {
    return null
  }
}
