/** A release, made in a copy of this repository. */
import { execFile } from "node:child_process"
import { mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"
import { afterAll, beforeAll, expect, test } from "vitest"
import { VERSION } from "../../cli/package.ts"
import { ROOT } from "./installed.ts"

const NEXT = VERSION.replace(/\d+$/u, (patch) => String(Number(patch) + 1))

let copy = ""
const sh = async (script: string): Promise<string> => {
  const person = ["ann", "ann@example.org"]
  const env = {
    ...{ ...process.env, GIT_AUTHOR_NAME: person[0], GIT_AUTHOR_EMAIL: person[1] },
    ...{ GIT_COMMITTER_NAME: person[0], GIT_COMMITTER_EMAIL: person[1] },
  }
  const { stdout, stderr } = await promisify(execFile)("bash", ["-ec", script], { cwd: copy, env }).catch(
    (error: unknown) => ({
      stdout: "",
      stderr: error instanceof Error && "stderr" in error ? String(error.stderr) : "",
    }),
  )
  return `${stdout}${stderr}`.trim()
}

beforeAll(async () => {
  copy = await mkdtemp(join(tmpdir(), "narrowgate-release-"))
  const files = `git -C '${ROOT}' ls-files -z --cached --others --exclude-standard --deduplicate`
  await sh(
    `${files} | tar -C '${ROOT}' --ignore-failed-read --null -T - -c | tar x; git init -q .; echo node_modules > .git/info/exclude`,
  )
  await symlink(join(ROOT, "node_modules"), join(copy, "node_modules"))
  await sh("git add -A; git commit -qm 'as it is'")
})
afterAll(async () => rm(copy, { recursive: true, force: true }))

test("one without an entry of the changelog, or of a tree that has changes, is none", async () => {
  expect(await sh(`npm run -s release -- ${NEXT}`)).toContain(`error: CHANGELOG.md says nothing of ${NEXT}`)
  const changelog = await readFile(join(copy, "CHANGELOG.md"), "utf8")
  const entry = `## [Unreleased]\n\n## [${NEXT}] - 2026-12-01\n\n### Fixed\n\n- A slip.\n\n## [${VERSION}]`
  await writeFile(join(copy, "CHANGELOG.md"), changelog.replace(/## \[Unreleased\][^]*?## \[[\d.]+\]/u, entry))
  expect(await sh(`npm run -s release -- ${NEXT}`)).toContain("error: there is something that is not committed")
  expect(await sh("git tag; git log --oneline | wc -l")).toBe("1")
})

test("one has its version everywhere, its packed file with where that comes from, and its tag, and is not published", async () => {
  await sh("git commit -qam 'what is new'")
  // As a local stack leaves its keys there: git ignores them.
  await sh("mkdir examples/.narrowgate; touch examples/.narrowgate/publisher.jwk")
  const made = await sh(`npm run -s release -- ${NEXT}`)
  expect(made).toMatch(
    new RegExp(`^build/narrowgate-${NEXT}\\.tgz: [^]*\\n  npm publish build/narrowgate-${NEXT}\\.tgz$`, "u"),
  )
  expect(await sh(`git tag --format='%(contents)'`)).toBe(`Narrowgate ${NEXT}\n\n### Fixed\n\n- A slip.`)
  expect(await sh("git status --porcelain; git log -1 --format=%s")).toBe(`Release ${NEXT}`)
  expect(await sh(`node -p "require('./package-lock.json').packages[''].version"`)).toBe(NEXT)
  expect(await sh(`tar xzOf build/narrowgate-${NEXT}.tgz package/package.json`)).toContain(`"version": "${NEXT}"`)
  expect(await sh(`tar tzf build/narrowgate-${NEXT}.tgz | grep -e examples/README.md -e '\\.narrowgate/' -e jwk`)).toBe(
    "package/examples/README.md",
  )
  const commit = await sh("git rev-parse HEAD")
  expect(await readFile(join(copy, `build/narrowgate-${NEXT}.intoto.json`), "utf8")).toContain(
    `"gitCommit": "${commit}"`,
  )
  expect(await sh(`npm run -s release -- ${NEXT}`)).toContain(`error: v${NEXT} is there`)
}, 120_000)
