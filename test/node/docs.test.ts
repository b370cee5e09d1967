/** The pages for people: their links lead somewhere, their tables can be read, and the index leads to each of them. */
import { existsSync, globSync, readFileSync } from "node:fs"
import { join, posix } from "node:path"
import { describe, expect, it } from "vitest"

const ROOT = join(import.meta.dirname, "../..")
const MAX_CELL = 200

const PAGES = globSync(["*.md", "{docs,src,bench,examples}/**/*.md"], { cwd: ROOT }).toSorted()

interface Page {
  /** Without what stands in fences: neither a heading nor a table is one there. */
  readonly lines: readonly string[]
  readonly links: readonly string[]
  readonly anchors: ReadonlySet<string>
}

const pages = new Map(PAGES.map((path) => [path, pageOf(readFileSync(join(ROOT, path), "utf8"))]))

function pageOf(text: string): Page {
  let fence: string | null = null
  const lines = text.split("\n").filter((line) => {
    const [, mark = null] = /^ *(`{3,}|~{3,})/.exec(line) ?? []
    if (mark === null) return fence === null
    if (fence === null) fence = mark
    else if (mark.startsWith(fence)) fence = null
    return false
  })
  const prose = lines.join("\n").replaceAll(/`[^`]*`/g, "")
  const links = Array.from(prose.matchAll(/\]\(\s*<?([^)\s>]+)>?[^)]*\)/g), ([, target = ""]) => target)
  return { lines, links, anchors: anchorsOf(lines) }
}

/** GitHub's anchors: the text of a heading in lower case, with hyphens, and a number if there are several of it. */
function anchorsOf(lines: readonly string[]): Set<string> {
  const anchors = new Set<string>()
  for (const line of lines) {
    const [, heading] = /^#{1,6} +(.+?) *#*$/.exec(line) ?? []
    if (heading === undefined) continue
    const anchor = rendered(heading)
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\p{M} _-]/gu, "")
      .replaceAll(" ", "-")
    let free = anchor
    for (let number = 1; anchors.has(free); number++) free = `${anchor}-${number}`
    anchors.add(free)
  }
  return anchors
}

/** What a reader sees of it: no address of a link, no mark of code or of emphasis. */
function rendered(markdown: string): string {
  return markdown
    .replaceAll(/!?\[([^\]]*)\]\([^)]*\)/g, "$1")
    .replaceAll(/[`*]|<\/?code>/g, "")
    .replaceAll(/\\\||&#124;/g, "|")
    .trim()
}

const isElsewhere = (link: string) => /^[a-z][a-z0-9+.-]*:/.test(link)

function resolve(page: string, link: string): { readonly path: string; readonly anchor: string | undefined } {
  const [path = "", anchor] = link.split("#")
  return { path: path === "" ? page : posix.join(posix.dirname(page), path), anchor }
}

/** Null if it leads somewhere. */
function brokenLink(page: string, link: string): string | null {
  const { path, anchor } = resolve(page, link)
  if (!existsSync(join(ROOT, path))) return `${link}: there is no ${path}`
  if (anchor === undefined || !path.endsWith(".md")) return null
  return pages.get(path)?.anchors.has(anchor) ? null : `${link}: ${path} has no such heading`
}

function longCells(lines: readonly string[]): string[] {
  return lines
    .filter((line) => /^\s*\|/.test(line))
    .flatMap((line) => line.split(/(?<!\\)\|/).map(rendered))
    .filter((cell) => cell.length > MAX_CELL && !/^:?-+:?$/.test(cell))
    .map((cell) => `${cell.length} characters: ${cell.slice(0, 80)}…`)
}

/** Files of ours that the text names: `src/app.ts`, `test/soak/`, but no pattern and no file that a reader is to make. */
function namedFiles(text: string): string[] {
  const names = text.matchAll(/(?<![\w/.@-])(?:src|cli|dev|test|bench|docs)\/[\w./-]*\w(?![\w*<{…])/g)
  return Array.from(names, ([name]) => name)
}

describe.each(PAGES)("%s", (path) => {
  const page = pages.get(path) ?? pageOf("")

  it("has links that lead somewhere", () => {
    const broken = page.links.filter((link) => !isElsewhere(link)).flatMap((link) => brokenLink(path, link) ?? [])
    expect(broken).toEqual([])
  })

  it(`has no cell of a table with more than ${MAX_CELL} characters`, () => {
    expect(longCells(page.lines)).toEqual([])
  })

  it("names files that are there", () => {
    const missing = namedFiles(page.lines.join("\n")).filter((name) => !existsSync(join(ROOT, name)))
    expect(missing).toEqual([])
  })
})

it("each page of docs/ can be reached from docs/README.md", () => {
  const reached = new Set(["docs/README.md"])
  for (const path of reached) {
    for (const link of pages.get(path)?.links ?? []) {
      const { path: target } = resolve(path, link)
      if (!isElsewhere(link) && target.startsWith("docs/") && pages.has(target)) reached.add(target)
    }
  }
  expect(PAGES.filter((path) => path.startsWith("docs/") && !reached.has(path))).toEqual([])
})

it("each page that code, policies or configuration name is there", () => {
  const files = globSync(
    ["{src,cli,dev,test,bench}/**/*.{ts,tsx,js,sh}", "{policies,starters,examples}/**/*", "*.{toml,json}", ".ci/*"],
    { cwd: ROOT, exclude: ["**/corpus/**", "**/*.test.yaml"], withFileTypes: true },
  ).filter((file) => file.isFile())
  const missing = files.flatMap((file) => {
    const text = readFileSync(join(file.parentPath, file.name), "utf8")
    const named = text.matchAll(/(?<![\w/.-])docs\/[\w/-]+(?:\.(?:md|json|yaml))?/g)
    return Array.from(named, ([name]) => name)
      .filter((name) => !existsSync(join(ROOT, name)))
      .map((name) => `${file.name}: ${name}`)
  })
  expect(missing).toEqual([])
})
