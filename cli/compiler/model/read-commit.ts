/** A policy directory as it was at a commit. */
import { execFile } from "node:child_process"
import { promisify } from "node:util"
import { EXIT, Failure } from "../../terminal/failure.ts"
import { sortFiles, type PolicyFiles } from "./read-directory.ts"

/** Of all files together. */
const MAX_BYTES = 64 * 1024 * 1024

/** @param commit anything that git accepts as one */
export async function readCommitted(directory: string, commit: string): Promise<PolicyFiles> {
  const named = await git(directory, ["rev-parse", "--verify", "--quiet", "--end-of-options", `${commit}^{commit}`])
  const id = named.trim()
  // Relative to the directory: `--name-only` prints paths so if git runs in it.
  const listed = await git(directory, ["ls-tree", "-r", "-z", "--name-only", id, "--", "."])
  const paths = listed
    .split("\0")
    .filter((path) => path !== "" && !path.split("/").some((name) => name.startsWith(".")))
  if (paths.length === 0) throw new Failure(`${directory} was not there at ${commit}`, "Name another commit by --base.")
  return sortFiles(directory, paths.toSorted(), async (path) => git(directory, ["show", `${id}:./${path}`]))
}

async function git(directory: string, args: readonly string[]): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)("git", ["-C", directory, ...args], { maxBuffer: MAX_BYTES })
    return stdout
  } catch {
    const fix = "Name a commit or a branch of the repository that the directory stands in, or another directory."
    throw new Failure(
      `git does not have ${args[0] === "rev-parse" ? "that commit" : "those files"} for ${directory}`,
      fix,
      EXIT.usage,
    )
  }
}
