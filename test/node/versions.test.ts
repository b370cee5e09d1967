/** The version stands the same everywhere, and a release is what the changelog says. */
import { globSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { expect, test } from "vitest"
import { VERSION, versionOf } from "../../cli/package.ts"
import { mayFollow, notesOf } from "../../dev/release.ts"

const ROOT = join(import.meta.dirname, "../..")
const read = (file: string): string => readFileSync(join(ROOT, file), "utf8")

test("the version is the same wherever it stands", () => {
  const lock: { readonly version: string; readonly packages: Record<string, { readonly version: string }> } =
    JSON.parse(read("package-lock.json"))
  const api: { readonly info: { readonly version: string } } = JSON.parse(read("docs/reference/openapi.json"))
  expect([lock.version, lock.packages[""]?.version, api.info.version]).toEqual([VERSION, VERSION, VERSION])
  for (const file of globSync("clients/*/pyproject.toml", { cwd: ROOT })) {
    expect(read(file), file).toContain(`\nversion = "${VERSION}"\n`)
  }
})

test("the page for one machine installs the workerd that this version is tested with", () => {
  expect(read("docs/guides/serve.md")).toContain(`npm install narrowgate workerd@${versionOf("workerd")}\n`)
})

test("the changelog tells what is in this version", () => {
  const unreleased = /^## \[Unreleased\]\n[^]*?(?=^## )/mu
  const changelog = read("CHANGELOG.md").replace(unreleased, "## [Unreleased]\n\n")
  expect(notesOf(changelog, VERSION)).toMatch(/^### Added\n/mu)
})

const CHANGELOG =
  "# Changelog\n\n## [Unreleased]\n\n## [1.2.0] - 2026-12-01\n\n### Added\n\n- one\n\n## [1.1.0] - 2026-11-01\n\nno list\n"

test("notes of a release are its entry alone", () => {
  expect(notesOf(CHANGELOG, "1.2.0")).toBe("### Added\n\n- one")
})

test.each([
  ["of no such version", CHANGELOG, "1.3.0", /says nothing of 1\.3\.0/u],
  ["of another that looks like it", CHANGELOG, "1x2.0", /says nothing/u],
  ["without an item", CHANGELOG, "1.1.0", /says nothing of 1\.1\.0/u],
  ["without a date", CHANGELOG.replace(" - 2026-12-01", ""), "1.2.0", /says nothing of 1\.2\.0/u],
  [
    "while others wait",
    CHANGELOG.replace("[Unreleased]\n", "[Unreleased]\n\n- two\n"),
    "1.2.0",
    /under \[Unreleased\]/u,
  ],
])("there are none %s", (_why, changelog, version, message) => {
  expect(() => notesOf(changelog, version)).toThrow(message)
})

test.each([
  ["0.1.0", "0.1.0", true],
  ["0.1.1", "0.1.0", true],
  ["0.10.0", "0.9.9", true],
  ["1.0.0", "0.9.9", true],
  ["0.9.9", "0.10.0", false],
  ["0.9.9", "1.0.0", false],
])("%s after %s: %s", (version, last, may) => {
  expect(mayFollow(version, last)).toBe(may)
})
