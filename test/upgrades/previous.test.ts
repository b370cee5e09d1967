/** Which release is the previous one, and what a clone without its history says. */
import { execFile } from "node:child_process"
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"
import { afterEach, beforeEach, expect, test } from "vitest"
import { ROOT } from "../node/bare-workerd.ts"
import { nameOfPrevious } from "./release.ts"

let clone: string
beforeEach(async () => {
  clone = await mkdtemp(join(tmpdir(), "narrowgate-clone-"))
})
afterEach(async () => rm(clone, { recursive: true, force: true, maxRetries: 3 }))

const git = async (...args: readonly string[]): Promise<string> =>
  (await promisify(execFile)("git", ["-C", clone, ...args])).stdout.trim()
const cloned = async (...options: readonly string[]): Promise<unknown> =>
  promisify(execFile)("git", ["clone", "--quiet", "--no-tags", ...options, `file://${ROOT}`, clone])

test("it is the newest release whose tag came before this commit, and no other tag", async () => {
  await cloned()
  for (const [tag, at] of [
    ["v0.9.0", "HEAD~3"],
    ["v0.10.0", "HEAD~2"],
    ["v0.11.0-rc.1", "HEAD~1"],
    ["other", "HEAD~1"],
    // The release that this commit is.
    ["v0.11.0", "HEAD"],
  ] as const)
    await git("tag", tag, at)
  // One that this commit does not come from.
  const elsewhere = await git("-c", "user.name=a", "-c", "user.email=a@b.test", "commit-tree", "HEAD^{tree}", "-m", "x")
  await git("tag", "v9.0.0", elsewhere)
  expect(await nameOfPrevious(clone)).toBe("v0.10.0")
})

test("while there is no tag, it is the commit that is written down", async () => {
  await cloned()
  expect(await nameOfPrevious(clone)).toMatch(/^[0-9a-f]{40}$/u)
})

test("a clone that lacks it says so, and what to fetch", async () => {
  await cloned("--depth", "1")
  await expect(nameOfPrevious(clone)).rejects.toThrow("fetch its history, as by `git fetch --unshallow --tags`")
})
