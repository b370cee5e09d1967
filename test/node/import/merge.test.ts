/** The text of the catalog under changes, in every style that people write YAML in; and what people answer. */
import fc from "fast-check"
import { readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { decideAlone, decideTogether, type Wishes } from "../../../cli/import/choose.ts"
import type { FoundTools, FoundTool } from "../../../cli/import/found-tools.ts"
import { compare, merge, readCatalog, type Class, type Decisions } from "../../../cli/import/merge.ts"
import { runImport } from "../../../cli/import/run.ts"
import { spliced, unifiedDiff } from "../../../cli/import/text-edits.ts"
import { isRefused } from "../../../cli/import/render.ts"
import { Stage } from "./stage.ts"

const EXAMPLE = await readFile(join(import.meta.dirname, "../../../policies/catalog.yaml"), "utf8")
const PLAIN: Wishes = { accept: false, replace: false, prune: false }
const HASHES = { old: "ab".repeat(32), now: "cd".repeat(32) }

function pinned(name: string, hash = HASHES.now): FoundTool {
  const parts = { description: hash.slice(0, 16), inputSchema: "a".repeat(16), annotations: "-" }
  return {
    name,
    description: `What ${name} does`,
    suggestion: { action: "read", labels: [], because: "readOnlyHint: true" },
    unseen: { action: "execute", labels: ["sink:external"] },
    mark: { kind: "pin", hash, parts },
    inputs: new Map(),
    required: [],
  }
}

function serverWith(tools: readonly FoundTool[], prefix = "m"): FoundTools {
  const at = { origin: "http://127.0.0.1:8080", path: `/${prefix}` }
  const reached = { by: "server", at, enforcesHeaders: false } as const
  return { prefix, source: "a test", reached, tools, withheld: [], skipped: [], refused: [], notes: [] }
}

function imported(before: string, found: FoundTools, wishes: Wishes = PLAIN): string {
  const differences = compare(before, found, wishes)
  return merge(before, differences, decideAlone(differences, wishes)).text
}

const SERVER = "  - name: m\n    origin: http://127.0.0.1:8080\n    path: /m\n"
const ENTRY =
  "  - name: m.a\n    action: execute # nobody has looked at it; suggested: read (readOnlyHint: true)\n    sensitivity: restricted\n    labels: [sink:external]\n" +
  `    pinned: ${HASHES.now} # of description cdcdcdcdcdcdcdcd, inputSchema aaaaaaaaaaaaaaaa, annotations -\n`

describe("a server and a tool are added to a catalog", () => {
  it.each<[string, string, string]>([
    ["that is empty", "servers: []\ntools: []\n", `servers:\n${SERVER}tools:\n${ENTRY}`],
    [
      "with remarks at its empty lists",
      "servers: [] # none\ntools:   []\n",
      `servers: # none\n${SERVER}tools:\n${ENTRY}`,
    ],
    ["that is a map of nothing but one list", "tools: []\n", `tools:\n${ENTRY}\nservers:\n${SERVER}`],
    [
      "without a line break at its end",
      "servers:\n  - { name: x, origin: 'https://a.example', path: /x }\ntools:\n  - { name: x.y, action: read, sensitivity: public }",
      `servers:\n  - { name: x, origin: 'https://a.example', path: /x }\n\n${SERVER}tools:\n  - { name: x.y, action: read, sensitivity: public }\n\n${ENTRY}`,
    ],
    [
      "that indents otherwise",
      "servers:\n- name: x\n  origin: https://a.example\n  path: /x\ntools:\n- name: x.y\n  action: read\n  sensitivity: public\n# the end\n",
      `servers:\n- name: x\n  origin: https://a.example\n  path: /x\n\n${SERVER.replaceAll(/^ {2}/gmu, "")}tools:\n- name: x.y\n  action: read\n  sensitivity: public\n\n${ENTRY.replaceAll(/^ {2}/gmu, "")}# the end\n`,
    ],
    [
      "that ends with a text of several lines",
      "servers: []\ntools:\n  - name: x.y\n    action: read\n    sensitivity: public\n    groups: # three\n      - |-\n        one\n",
      `servers:\n${SERVER}tools:\n  - name: x.y\n    action: read\n    sensitivity: public\n    groups: # three\n      - |-\n        one\n\n${ENTRY}`,
    ],
    [
      "in which a text of several lines stands before what follows",
      "tools:\n  - name: x.y\n    action: read\n    sensitivity: public\n    groups:\n      - |-\n        one\nservers: []\n",
      `tools:\n  - name: x.y\n    action: read\n    sensitivity: public\n    groups:\n      - |-\n        one\n\n${ENTRY}servers:\n${SERVER}`,
    ],
  ])("%s", (_what, before, after) => {
    expect(imported(before, serverWith([pinned("m.a")]))).toBe(after)
  })

  it("whose lines end as on Windows", () => {
    const before = EXAMPLE.replaceAll("\n", "\r\n")
    const after = imported(before, serverWith([pinned("m.a")]))
    expect(after).not.toMatch(/[^\r]\n/u)
    expect(after.replaceAll("\r\n", "\n")).toBe(imported(EXAMPLE, serverWith([pinned("m.a")])))
  })

  it("beside the server's other tools, before the comments of what follows", () => {
    const after = imported(EXAMPLE, serverWith([pinned("desk.new")], "desk"))
    expect(after).toContain(
      `\n    labels: [sink:external]\n    groups: [support-desk]\n${ENTRY.replace("m.a", "desk.new")}\n  # --- billing`,
    )
  })

  it("whose pin YAML would take for a number", () => {
    const hash = `${"1".repeat(62)}e1`
    const after = imported(EXAMPLE, serverWith([pinned("m.a", hash)]))
    expect(after).toContain(`pinned: "${hash}" #`)
    expect(imported(after, serverWith([pinned("m.a", hash)]))).toBe(after)
  })

  it("whose name YAML would take for a number", () => {
    const after = imported(EXAMPLE, serverWith([pinned("1.5")], "1"))
    expect(after).toContain('  - name: "1"\n')
    expect(readCatalog(after).tools.at(-1)?.name).toBe("1.5")
  })

  it.each<[string, string, RegExp]>([
    [
      "in brackets",
      "servers: []\ntools: [{ name: x.y, action: read, sensitivity: public }]\n",
      /`tools` in catalog\.yaml is written in brackets/,
    ],
    ["in braces", "{ servers: [], tools: [] }\n", /the catalog in catalog\.yaml is written in brackets/],
    ["that is none", "servers: []\ntools: 3\n", /catalog\.yaml:2:8: `tools` is a number/],
    [
      "behind whose end something stands",
      "servers: []\n...\n",
      /cannot change without changing something else|catalog\.yaml:/,
    ],
  ])("but not to one %s", (_what, before, message) => {
    expect(() => imported(before, serverWith([pinned("m.a")]))).toThrow(message)
  })
})

describe("a pin is set", () => {
  it.each<[string, string, string]>([
    [
      "in an entry of one line",
      "  - { name: m.a, action: read, sensitivity: public }\n",
      `  - { name: m.a, action: read, sensitivity: public, pinned: ${HASHES.now} }\n`,
    ],
    [
      "over one that stands in one line",
      `  - { name: m.a, pinned: ${HASHES.old}, action: read, sensitivity: public } # mine\n`,
      `  - { name: m.a, pinned: ${HASHES.now}, action: read, sensitivity: public } # mine\n`,
    ],
    [
      "over one with a remark of a person",
      `  - name: m.a\n    pinned: ${HASHES.old}  # seen by Ada\n    action: read\n    sensitivity: public\n`,
      `  - name: m.a\n    pinned: ${HASHES.now}  # seen by Ada\n    action: read\n    sensitivity: public\n`,
    ],
    [
      "over one with a remark of an import",
      `  - name: m.a\n    pinned: ${HASHES.old} # of description 0, inputSchema 0, annotations 0\n    action: read\n    sensitivity: public\n`,
      `  - name: m.a\n    pinned: ${HASHES.now} # of description cdcdcdcdcdcdcdcd, inputSchema aaaaaaaaaaaaaaaa, annotations -\n    action: read\n    sensitivity: public\n`,
    ],
    [
      "behind the last field, whatever hangs on it",
      "  - name: m.a\n    action: read\n    sensitivity: public\n    groups:\n      - one # of two\n      - two\n    # not last\n",
      `  - name: m.a\n    action: read\n    sensitivity: public\n    groups:\n      - one # of two\n      - two\n    pinned: ${HASHES.now} # of description cdcdcdcdcdcdcdcd, inputSchema aaaaaaaaaaaaaaaa, annotations -\n    # not last\n`,
    ],
  ])("%s", (_what, before, after) => {
    const head = `servers:\n${SERVER}tools:\n`
    expect(imported(head + before, serverWith([pinned("m.a")]), { ...PLAIN, replace: true })).toBe(head + after)
  })

  it("nowhere, where the entry is an alias", () => {
    const before = `servers:\n${SERVER}tools:\n  - &a { name: m.a, action: read, sensitivity: public }\nx: 1\n`
    expect(() => imported(before, serverWith([]))).toThrow(/unknown key `x`/)
  })
})

describe("what a person wrote of a tool stays", () => {
  const rest = "    groups: [g]\n    cost: 0\n    duration: 2m\n    redact: [text]\n" as const

  it("while its pin changes, and a tool is added", () => {
    const before = `servers:\n${SERVER}    probe: { url: "https://m.example/", secret: PROBE_M }\ntools:\n${ENTRY.replace(HASHES.now, HASHES.old)}${rest}`
    const after = imported(before, serverWith([pinned("m.a"), pinned("m.b")]), { ...PLAIN, replace: true })
    expect(after).not.toContain(HASHES.old)
    expect(after).toContain(rest)
    expect(after).toContain("  - name: m.b\n")
    expect(imported(after, serverWith([pinned("m.a"), pinned("m.b")]))).toBe(after)
  })

  it("while its route changes", () => {
    const origin = "http://127.0.0.1:8080"
    const written = `tools:\n  - name: o.a\n    action: read\n    sensitivity: public\n${rest}    route:\n      origin: ${origin}\n      methods: [GET]\n      path: /a\n      query_names: [$top]\n`
    const mark = { kind: "route", origin, methods: ["GET"], path: "/b", integers: [] } as const
    const found = { ...serverWith([{ ...pinned("o.a"), mark }], "o"), reached: { by: "routes", origin } as const }
    expect(imported(written, found, { ...PLAIN, replace: true })).toBe(written.replace("path: /a", "path: /b"))
  })
})

describe("what is gone is removed", () => {
  const head = `servers:\n${SERVER}`
  const entry = (name: string) => `  - name: ${name}\n    action: read\n    sensitivity: public\n`
  it.each<[string, string, string]>([
    ["alone in its list", `tools:\n${entry("m.a")}`, "tools: []\n"],
    [
      "with its comment",
      `tools:\n${entry("x.y")}  # of a\n  # and more\n${entry("m.a")}${entry("x.z")}`,
      `tools:\n${entry("x.y")}${entry("x.z")}`,
    ],
    [
      "without a heading",
      `tools:\n  # --- m ---\n  # of a\n${entry("m.a")}${entry("x.z")}`,
      `tools:\n  # --- m ---\n${entry("x.z")}`,
    ],
    [
      "with one of two blank lines",
      `tools:\n${entry("x.y")}\n${entry("m.a")}\n${entry("x.z")}`,
      `tools:\n${entry("x.y")}\n${entry("x.z")}`,
    ],
    ["at the end", `tools:\n${entry("x.y")}\n${entry("m.a")}`, `tools:\n${entry("x.y")}\n`],
  ])("%s", (_what, before, after) => {
    // `x` needs no server here: the schema alone is asked.
    expect(imported(head + before, serverWith([]), { ...PLAIN, prune: true })).toBe(head + after)
  })

  it("while what is new takes its place", () => {
    const before = `${head}tools:\n${entry("m.b")}`
    expect(imported(before, serverWith([pinned("m.a")]), { ...PLAIN, prune: true })).toBe(`${head}tools:\n\n${ENTRY}`)
  })
})

describe("whatever is added, removed and pinned", () => {
  const names = readCatalog(EXAMPLE).tools.map(({ name }) => name)
  const everything = names.filter((name) => name.startsWith("everything."))
  it("the rest of the catalog stays, byte for byte, and the diff says what changed", () => {
    const change = fc.record({
      // With all of them gone, new ones go to the end.
      gone: fc.subarray(everything, { maxLength: everything.length - 1 }),
      repinned: fc.subarray(everything),
      added: fc.uniqueArray(fc.stringMatching(/^[a-z][a-z0-9_-]{0,12}$/), { maxLength: 5 }),
      windows: fc.boolean(),
    })
    fc.assert(
      fc.property(change, ({ gone, repinned, added, windows }) => {
        const before = windows ? EXAMPLE.replaceAll("\n", "\r\n") : EXAMPLE
        const staying = everything.filter((name) => !gone.includes(name))
        const fresh = added.map((name) => `everything.${name}`).filter((name) => !names.includes(name))
        const found = serverWith(
          [...staying, ...fresh].map((name) => pinned(name)),
          "everything",
        )
        const differences = compare(before, found, { prune: true })
        const alone = decideAlone(differences, { ...PLAIN, prune: true })
        const accepted = new Set(repinned.filter((name) => staying.includes(name)))
        const { text, diff } = merge(before, differences, { ...alone, accepted })
        const rest = (all: string) => all.slice(all.indexOf("  # --- desk ---"))
        const head = (all: string) => all.slice(0, all.indexOf("  - name: everything."))
        expect(rest(text)).toBe(rest(before))
        expect(text.startsWith(head(before).replace(/ {2}# Fetches[^]*$/u, ""))).toBe(true)
        expect(text.includes("# Fetches any URL")).toBe(staying.includes("everything.gzip-file-as-resource"))
        expect(text.includes("# Says itself that")).toBe(staying.includes("everything.get-env"))
        const listed = new Map(readCatalog(text).tools.map((each) => [each.name, each]))
        for (const each of readCatalog(before).tools) {
          const wanted = accepted.has(each.name) ? { ...each, pinned: HASHES.now } : each
          expect(listed.get(each.name)).toEqual(gone.includes(each.name) ? undefined : wanted)
        }
        expect(listed.size).toBe(names.length - gone.length + fresh.length)
        expect(diff === "").toBe(text === before)
      }),
      { numRuns: 60 },
    )
  })
})

describe("a diff", () => {
  it.each<[string, string, readonly { at: number; remove: number; insert: string }[], string]>([
    ["of nothing", "a\n", [], ""],
    ["of a line", "a\nb\nc\n", [{ at: 2, remove: 1, insert: "x" }], "@@ -1,3 +1,3 @@\n a\n-b\n+x\n c"],
    ["at the end", "a\n", [{ at: 2, remove: 0, insert: "b\n" }], "@@ -1,1 +1,2 @@\n a\n+b"],
    [
      "of what has no end",
      "a",
      [{ at: 1, remove: 0, insert: "\nb\n" }],
      "@@ -1,1 +1,2 @@\n-a\n\\ No newline at end of file\n+a\n+b",
    ],
    ["into nothing", "", [{ at: 0, remove: 0, insert: "a\n" }], "@@ -0,0 +1,1 @@\n+a"],
    [
      "of places far apart",
      "l\n".repeat(20),
      [
        { at: 0, remove: 2, insert: "" },
        { at: 30, remove: 0, insert: "n\n" },
      ],
      "@@ -1,4 +1,3 @@\n-l\n l\n l\n l\n@@ -13,6 +12,7 @@\n l\n l\n l\n+n\n l\n l\n l",
    ],
  ])("%s", (_what, text, splices, expected) => {
    expect(unifiedDiff("f", text, splices)).toBe(expected === "" ? "" : `--- f\n+++ f\n${expected}`)
    expect(spliced(text, splices)).toBeTypeOf("string")
  })
})

describe("a person", () => {
  const added = ["m.a", "m.b", "m.c", "m.d"].map((name) => pinned(name))
  const differences = compare("servers: []\ntools: []\n", serverWith(added), PLAIN)

  async function answering(answers: readonly (string | null)[], wishes: Wishes = PLAIN, from = differences) {
    const asked: string[] = []
    const left = [...answers]
    const decisions = await decideTogether(
      from,
      wishes,
      async (question) => {
        asked.push(question)
        return left.shift() ?? null
      },
      (line) => asked.push(line),
    )
    return { decisions, asked: asked.join("\n") }
  }

  const classOf = ({ classes }: Decisions, name: string): Partial<Class> | undefined => classes.get(name)

  it("takes suggestions, says otherwise, leaves some out and some for later", async () => {
    const { decisions, asked } = await answering(["", "execute confidential sink:external reads:x", "skip", "later"])
    expect(classOf(decisions, "m.a")).toEqual({
      action: "read",
      sensitivity: "restricted",
      labels: [],
      isLookedAt: true,
    })
    expect(classOf(decisions, "m.b")).toEqual({
      action: "execute",
      sensitivity: "confidential",
      labels: ["sink:external", "reads:x"],
      isLookedAt: true,
    })
    expect(decisions.classes.has("m.c")).toBe(false)
    expect(classOf(decisions, "m.d")).toMatchObject({ action: "execute", labels: ["sink:external"], isLookedAt: false })
    expect(asked).toContain("suggested: read (readOnlyHint: true)\n  [read restricted] ")
  })

  it("takes all that remain at once, in the sensitivity that was said", async () => {
    const { decisions } = await answering(["write -", "all"], { ...PLAIN, sensitivity: "internal" })
    expect(classOf(decisions, "m.a")).toMatchObject({ action: "write", labels: [] })
    expect(classOf(decisions, "m.d")).toMatchObject({ action: "read", sensitivity: "internal", isLookedAt: true })
  })

  it("is asked again after a slip, and nothing is taken for a yes", async () => {
    const { decisions, asked } = await answering(["raed", "read public\u001b[31m", "read public", "all"])
    expect(asked).toContain("`raed` is no action, no sensitivity and no label")
    expect(asked).toContain("`public\\u{1b}[31m` is no action")
    expect(classOf(decisions, "m.a")).toMatchObject({ action: "read", sensitivity: "public" })
  })

  it.each([["quit"], [null]])("who leaves (%s) has written nothing", async (answer) => {
    await expect(answering(["", answer])).rejects.toThrow(/nothing is written/)
  })

  it.each([
    ["y", true],
    ["yes", true],
    ["", false],
    ["n", false],
    ["yikes", false],
  ])("says %j of what has changed", async (answer, isTaken) => {
    const head = `servers:\n${SERVER}tools:\n`
    const remark = "# of description 2222222222222222, inputSchema aaaaaaaaaaaaaaaa, annotations -"
    const before = `${head}  - name: m.a\n    action: read\n    sensitivity: public\n    pinned: ${"f".repeat(64)} ${remark}\n`
    const changed = compare(before, serverWith([pinned("m.a")]), PLAIN)
    const { decisions, asked } = await answering([answer], PLAIN, changed)
    expect(asked).toContain("changed: description\nTake it as it is now? [y/N] ")
    expect(decisions.accepted.has("m.a")).toBe(isTaken)
  })
})

describe("a person who is told of a new route inside another", () => {
  const origin = "https://a.example"
  const route = (path: string) => ({ kind: "route", origin, methods: ["GET"], path, integers: [] }) as const
  const tools = ["/o/{id}/x", "/o/export"].map((path) => ({
    ...pinned(`m${path.replaceAll(/\W+/g, ".")}`),
    mark: route(path),
  }))
  const found: FoundTools = { ...serverWith(tools), reached: { by: "routes", origin } }
  const before =
    "tools:\n  - name: m.get\n    action: read\n    sensitivity: public\n" +
    "    route: { origin: https://a.example, methods: [GET], path: '/o/{id}' }\n"

  it.each<[answers: readonly string[], wishes: Wishes, names: readonly string[]]>([
    [["y", "", ""], PLAIN, ["m.get", "m.o.id.x", "m.o.export"]],
    [["n", ""], PLAIN, ["m.get", "m.o.id.x"]],
    [["", ""], PLAIN, ["m.get", "m.o.id.x"]],
    [["n"], { ...PLAIN, accept: true }, ["m.get", "m.o.id.x"]],
    [["", ""], { ...PLAIN, replace: true }, ["m.get", "m.o.id.x", "m.o.export"]],
    [[], { ...PLAIN, accept: true, replace: true }, ["m.get", "m.o.id.x", "m.o.export"]],
  ])("and says %j, with %j", async (answers, wishes, names) => {
    const differences = compare(before, found, wishes)
    expect(differences).toMatchObject({ added: [{ name: "m.o.id.x" }], narrowing: [{ from: ["m.get"] }] })
    const left = [...answers]
    const asked: string[] = []
    const ask = async (question: string) => {
      asked.push(question)
      return left.shift() ?? null
    }
    const decisions = await decideTogether(differences, wishes, ask, (line) => asked.push(line))
    expect(left).toEqual([])
    expect(asked.join("\n").includes("takes requests from m.get\nAdd it all the same? [y/N] ")).toBe(!wishes.replace)
    expect(readCatalog(merge(before, differences, decisions).text).tools.map(({ name }) => name)).toEqual(names)
    expect(isRefused(differences, decisions)).toBe(!names.includes("m.o.export"))
  })

  it("is told of the endpoint of a new server, too", () => {
    const warningsOf = (path: string) => {
      const reached = { by: "server", at: { origin, path }, enforcesHeaders: false } as const
      return compare(before, { ...serverWith([], "n"), reached }, PLAIN).warnings
    }
    expect(warningsOf("/n")).toEqual([])
    expect(warningsOf("/o/mcp")).toEqual([
      "requests for the endpoint have been taken for `m.get`, whose route is wider",
    ])
  })
})

describe("a catalog that changes while a person is asked", () => {
  let stage: Stage
  beforeEach(async () => {
    stage = await Stage.begin()
  })
  afterEach(() => stage.end())

  it("is left as somebody else has made it", async () => {
    const person = {
      print: () => undefined,
      ask: async () => {
        await stage.write(`${EXAMPLE}# new\n`)
        return "all"
      },
    }
    const options = { ...PLAIN, policies: stage.policies, isDryRun: false }
    const run = runImport(serverWith([pinned("m.a")]), options, person)
    await expect(run).rejects.toThrow(/has changed in the meantime; nothing is written/)
    expect(await stage.catalog()).toBe(`${EXAMPLE}# new\n`)
  })

  it("is written whole, through a link, with its mode", async () => {
    const { chmod, lstat, rename, stat, symlink } = await import("node:fs/promises")
    const [file, real] = [join(stage.policies, "catalog.yaml"), join(stage.directory, "real.yaml")]
    await rename(file, real)
    await chmod(real, 0o600)
    await symlink(real, file)
    await runImport(serverWith([pinned("m.a")]), { ...PLAIN, policies: stage.policies, isDryRun: false }, null)
    expect((await lstat(file)).isSymbolicLink()).toBe(true)
    expect((await stat(real)).mode & 0o777).toBe(0o600)
    expect(await readFile(real, "utf8")).toContain("m.a")
    await writeFile(real, EXAMPLE)
  })
})
