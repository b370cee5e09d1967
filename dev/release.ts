/**
 * `npm run release -- VERSION`: the commit, the packed file with its SBOM and provenance, and the tag of a release, from a
 * clean tree and a changelog that says what is in it. It publishes nothing, and says how that is done.
 */
import { execFile } from "node:child_process"
import { globSync } from "node:fs"
import { readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { promisify } from "node:util"
import { PACKAGE, VERSION } from "../cli/package.ts"
import { Failure } from "../cli/terminal/failure.ts"

/** What is in a release, as the changelog says. */
export function notesOf(changelog: string, version: string): string {
  const sections = new Map(
    changelog
      .split(/^## /mu)
      .slice(1)
      .map((section) => {
        const [heading = "", ...lines] = section.split("\n")
        return [heading, lines.join("\n").trim()]
      }),
  )
  const dated = new RegExp(`^\\[${RegExp.escape(version)}\\] - \\d{4}-\\d{2}-\\d{2}$`, "u")
  const notes = sections.get([...sections.keys()].find((heading) => dated.test(heading)) ?? "")
  if (notes === undefined || !/^- /mu.test(notes)) {
    throw new Failure(
      `CHANGELOG.md says nothing of ${version}`,
      `Write \`## [${version}] - YYYY-MM-DD\`, and what is new.`,
    )
  }
  if (sections.get("[Unreleased]") !== "") {
    throw new Failure("CHANGELOG.md has entries under [Unreleased]", `Move them under ${version}; leave the heading.`)
  }
  return notes
}

/** @returns whether it may follow the version that the tree has, which may itself have no tag yet */
export function mayFollow(version: string, last: string): boolean {
  const numbers = (text: string): readonly number[] => text.split(".").map(Number)
  const [lasts, nows] = [numbers(last), numbers(version)]
  const differs = nows.findIndex((number, place) => number !== lasts[place])
  return differs === -1 || (nows[differs] ?? 0) > (lasts[differs] ?? 0)
}

async function run(program: string, ...args: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(program, args, { cwd: PACKAGE, maxBuffer: 16_777_216 })
  return stdout.trim()
}

async function refuseUnready(version: string, tag: string): Promise<void> {
  if (!/^\d+\.\d+\.\d+$/u.test(version)) throw new Failure(`\`${version}\` is no version`, "Write one, as in 1.2.3.")
  if (!mayFollow(version, VERSION)) throw new Failure(`${version} is before ${VERSION}`, "Name a later one.")
  if ((await run("git", "tag", "--list", tag)) !== "") throw new Failure(`${tag} is there`, "Name a later version.")
  if ((await run("git", "status", "--porcelain", "--untracked-files=normal")) !== "") {
    throw new Failure("there is something that is not committed", "Look at `git status`.")
  }
}

/** Wherever it stands: test/node/versions.test.ts looks. */
async function setVersion(version: string): Promise<void> {
  await run("npm", "version", version, "--no-git-tag-version", "--allow-same-version")
  for (const file of globSync("clients/*/pyproject.toml", { cwd: PACKAGE })) {
    const path = join(PACKAGE, file)
    const text = await readFile(path, "utf8")
    await writeFile(path, text.replace(/^version = ".*"$/mu, `version = "${version}"`))
  }
  await run("npm", "run", "-s", "openapi")
}

async function release(version: string): Promise<void> {
  const tag = `v${version}`
  await refuseUnready(version, tag)
  const notes = notesOf(await readFile(join(PACKAGE, "CHANGELOG.md"), "utf8"), version)
  try {
    await setVersion(version)
    console.log(await run("npm", "run", "-s", "pack"))
  } catch (error) {
    // As it was: nothing else can have changed.
    await run("git", "checkout", "--", ".")
    throw error
  }
  if ((await run("git", "status", "--porcelain")) !== "") {
    await run("git", "commit", "--quiet", "--all", "--message", `Release ${version}`)
  }
  for (const program of ["dev/sbom.ts", "dev/provenance.ts"]) console.log(await run(process.execPath, program))
  await run("git", "tag", "--annotate", tag, "--cleanup=verbatim", "--message", `Narrowgate ${version}\n\n${notes}`)
  console.log(`${tag}: tagged. Nothing is published. To do that:`)
  console.log(`  git push origin HEAD ${tag}\n  npm publish build/narrowgate-${version}.tgz`)
}

if (import.meta.main) {
  try {
    await release(process.argv[2] ?? "")
  } catch (error) {
    if (!(error instanceof Failure)) throw error
    console.error(`error: ${error.message}\n  fix: ${error.fix}`)
    process.exitCode = error.exitCode
  }
}
