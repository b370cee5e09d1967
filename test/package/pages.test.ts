/** The pages in the packed file: those to which its README leads, and those that its programs name. */
import { execFileSync } from "node:child_process"
import { globSync, readFileSync } from "node:fs"
import { join, posix } from "node:path"
import { expect, test } from "vitest"
import { ROOT, TARBALL } from "./installed.ts"

const TREE = join(ROOT, "build/narrowgate")
const FILES = execFileSync("tar", ["tzf", TARBALL], { encoding: "utf8" })
  .trim()
  .split("\n")
  .map((path) => path.replace(/^package\//u, ""))
const PAGES = FILES.filter((path) => path.endsWith(".md"))

const isPacked = (path: string): boolean =>
  FILES.some((file) => file === path || file.startsWith(`${path.replace(/\/$/u, "")}/`))

/** Paths in the package to which a page leads, pictures among them. */
function targetsOf(page: string): readonly string[] {
  const text = readFileSync(join(TREE, page), "utf8").replaceAll(/^ *```[^]*?^ *```$/gmu, "")
  const links = text.matchAll(/\]\(([^)\s]+)|\b(?:src|srcset|href)="([^"]+)"/gu)
  return Array.from(links, ([, link, attribute]) => (link ?? attribute ?? "").replace(/#.*$/u, ""))
    .filter((link) => link !== "" && !/^[a-z]+:/u.test(link))
    .map((link) => posix.join(posix.dirname(page), link))
}

test("each link and picture of its README is in it", () => {
  const targets = targetsOf("README.md")
  expect(targets.length).toBeGreaterThan(20)
  expect(targets.filter((target) => !isPacked(target))).toEqual([])
})

/** What stands in the repository alone: pictures of the console, sources, tests, and programs that measure. */
const REPOSITORY_ALONE =
  /^docs\/screenshots\/[\w-]+\.png$|^(?:src|cli)\/.+\.ts$|^test\/|^bench\/(?:agentdojo|capacity|costs)\b/u

test("its pages lead to what is in it, but for what stands in the repository alone", () => {
  const outside = PAGES.flatMap((page) => targetsOf(page).filter((target) => !isPacked(target)))
  expect(outside.filter((target) => !REPOSITORY_ALONE.test(target))).toEqual([])
})

test("each page that its programs name is in it", () => {
  const programs = globSync("**/*.js", { cwd: TREE })
  const named = programs.flatMap((program) =>
    Array.from(
      readFileSync(join(TREE, program), "utf8").matchAll(/(?<![\w/.-])(?:(?:docs|bench)\/[\w./-]+|[A-Z]{4,})\.md\b/gu),
      ([page]) => page,
    ),
  )
  expect(new Set(named).size).toBeGreaterThan(10)
  expect(named.filter((page) => !isPacked(page))).toEqual([])
})
