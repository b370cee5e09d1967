/** A release as it was: its files by `git archive`, its Worker by its own build, its command by Node. */
import { execFile } from "node:child_process"
import { mkdir, readFile, symlink, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { promisify } from "node:util"
import { z } from "zod"
import { BUILD_WITHIN_MS, ROOT } from "../node/bare-workerd.ts"

const run = promisify(execFile)

export interface Release {
  readonly name: string
  /** With its files. */
  readonly directory: string
  /** Its Worker, one module. */
  readonly module: string
}

/**
 * The newest tag that came before this commit; while there is none, the commit that previous.json names.
 * @param root of the clone
 */
export const nameOfPrevious = async (root: string): Promise<string> =>
  (await newestTag(root)) ?? (await writtenCommit(root))

export async function previousRelease(directory: string): Promise<Release> {
  const name = await nameOfPrevious(ROOT)
  const files = join(directory, "previous")
  await mkdir(files)
  const archive = join(directory, "previous.tar")
  await git(ROOT, "archive", "--output", archive, name)
  await run("tar", ["-xf", archive, "-C", files])
  return built(name, files)
}

/** The release of this very tree. */
export const thisRelease = async (directory: string): Promise<Release> => built("this", ROOT, join(directory, "this"))

/**
 * The release after this one, as far as it matters here: this tree with these changes.
 * @param changes by file: what is replaced, each once, by what
 */
export async function nextRelease(
  directory: string,
  changes: Readonly<Record<string, readonly (readonly [string, string])[]>>,
): Promise<Release> {
  const files = join(directory, "next")
  await mkdir(files)
  await run("cp", ["-r", ...["src", "docs", "wrangler.toml", "package.json"].map((name) => join(ROOT, name)), files])
  for (const [name, edits] of Object.entries(changes)) {
    let text = await readFile(join(files, name), "utf8")
    for (const [from, to] of edits) {
      if (text.split(from).length !== 2) throw new Error(`${name} does not have ${JSON.stringify(from)} once`)
      text = text.replace(from, () => to)
    }
    await writeFile(join(files, name), text)
  }
  return built("next", files)
}

async function built(name: string, directory: string, out = join(directory, "build")): Promise<Release> {
  const modules = join(ROOT, "node_modules")
  if (directory !== ROOT) await symlink(modules, join(directory, "node_modules"))
  const env = { ...process.env, WRANGLER_SEND_METRICS: "false", CI: "true" }
  const args = [join(modules, "wrangler/bin/wrangler.js"), "deploy", "--dry-run", "--outdir", out]
  await run(process.execPath, args, { cwd: directory, env, timeout: BUILD_WITHIN_MS })
  return { name, directory, module: join(out, "index.js") }
}

const git = async (cwd: string, ...args: readonly string[]): Promise<string> =>
  (await run("git", [...args], { cwd })).stdout.trim()

/** A release's own commit is no earlier one. */
async function newestTag(root: string): Promise<string | undefined> {
  const head = await git(root, "rev-parse", "HEAD")
  const format = "%(refname:short) %(objectname) %(*objectname)"
  const tags = await git(root, "tag", "--list", "v*", "--merged", "HEAD", "--sort=-v:refname", "--format", format)
  return tags
    .split("\n")
    .map((line) => line.split(" "))
    .find(([name = "", ...commits]) => /^v\d+\.\d+\.\d+$/u.test(name) && !commits.includes(head))?.[0]
}

const written = z.object({ commit: z.string().regex(/^[0-9a-f]{40}$/u) })

async function writtenCommit(root: string): Promise<string> {
  const text = await readFile(join(root, "test/upgrades/previous.json"), "utf8")
  const { commit } = written.parse(JSON.parse(text))
  const isThere = await git(root, "cat-file", "-e", `${commit}^{commit}`).then(
    () => true,
    () => false,
  )
  if (isThere) return commit
  throw new Error(
    `neither a tag of a release nor the commit ${commit} of test/upgrades/previous.json is in this clone: fetch its history, as by \`git fetch --unshallow --tags\``,
  )
}
