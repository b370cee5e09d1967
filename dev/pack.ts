/**
 * `npm run pack`: the package as npm installs it, in `build/narrowgate`, and packed beside it. Its tree is that of the
 * repository: programs compiled to JavaScript where they are, so that they find each other and their files by the same
 * paths; the Worker as it is deployed; and the files that commands read. Nothing else is bundled.
 */
import { execFile } from "node:child_process"
import { existsSync } from "node:fs"
import { cp, mkdir, readFile, rm, writeFile } from "node:fs/promises"
import { dirname, join } from "node:path"
import { promisify } from "node:util"
import { z } from "zod"
import { builtWorker, PACKED, WORKERS } from "./built-worker.ts"
import { LOCAL_STACK, PACKAGE, toolAt } from "../cli/package.ts"
import { writeOwnModules } from "../serve/worker-modules.ts"
import { KEY_VARIABLE } from "./provenance.ts"

const OUT = join(PACKAGE, "build")
const TREE = join(OUT, "narrowgate")

/**
 * What programs import, as `narrowgate/<name>`: the file `index.ts` of that folder, which both tsconfig.package.json and
 * tsconfig.declarations.json list too.
 */
const ENTRIES: readonly string[] = ["client", "server", "spiffe", "testing", "testing/pool", "testing/vitest"]

/**
 * What commands read, besides themselves; the pages, with those to which they lead outside docs/; and the action, which a
 * workflow finds below `node_modules`.
 */
const FILES = [
  "LICENSE",
  "README.md",
  "CHANGELOG.md",
  "CONTRIBUTING.md",
  "SECURITY.md",
  "Dockerfile",
  "action.yml",
  "bench/README.md",
  "clients/python/README.md",
  "docs",
  "examples",
  "policies",
  "schemas",
  "src/core/guardrails/README.md",
  "src/core/policy/cedar/README.md",
  "src/notifications/README.md",
  "src/revocation/README.md",
  "starters",
  "template",
]

/** The pictures are most of the pages' size: those of the README are enough. */
const isPacked = (path: string): boolean =>
  !path.startsWith("docs/screenshots/") || /\/(?:demo(?:-phone)?\.svg|approval-desktop-light\.png)$/.test(path)

/** What some parts need, and say so: the local stack, a server of one machine, the test kit's matchers, a deployment. */
const OPTIONAL: readonly string[] = [...LOCAL_STACK, "vitest", "workerd", "wrangler"]
const OF_THEIR_OWN: readonly string[] = ["vitest", "wrangler"]
/** What the example's own servers need, which run in the repository alone. */
const OF_THE_DEMO: ReadonlySet<string> = new Set(["@modelcontextprotocol/server"])

const IMPORT = /^(?:import|export)\b[^"']*?\bfrom "([^"]+)"|^import "([^"]+)"|\bimport\("([^"]+)"\)/gm

const versions = z.record(z.string(), z.string())
const manifestSchema = z.object({
  version: z.string(),
  description: z.string(),
  license: z.string(),
  dependencies: versions,
  devDependencies: versions,
})
/** What `npm pack --json` prints. */
const packedSchema = z.tuple([
  z.object({ filename: z.string(), size: z.number(), unpackedSize: z.number(), entryCount: z.number() }),
])

const run = async (file: string, ...args: readonly string[]): Promise<string> =>
  (await promisify(execFile)(process.execPath, [file, ...args], { cwd: PACKAGE, maxBuffer: 16_777_216 })).stdout

// Compilers and bundlers, which others wrote, have no need of the key that signs what they build.
delete process.env[KEY_VARIABLE]
await rm(OUT, { recursive: true, force: true })
await mkdir(TREE, { recursive: true })
await run(toolAt("typescript", "bin/tsc"), "-p", "tsconfig.package.json")
await run(toolAt("typescript", "bin/tsc"), "-p", "tsconfig.declarations.json")
for (const which of WORKERS) {
  await cp(await builtWorker(which, join(OUT, which)), join(TREE, PACKED[which]))
}
await writeOwnModules(join(TREE, "worker"))
for (const path of await packedFiles()) await cp(join(PACKAGE, path), join(TREE, path))
const configuration = await readFile(join(PACKAGE, "wrangler.toml"), "utf8")
await writeFile(join(TREE, "wrangler.toml"), configuration.replace('main = "src/index.ts"', 'main = "worker/index.js"'))
await writeFile(join(TREE, "package.json"), `${JSON.stringify(await manifest(), null, 2)}\n`)
const { stdout } = await promisify(execFile)("npm", ["pack", "--pack-destination", OUT, "--json"], { cwd: TREE })
const [packed] = packedSchema.parse(JSON.parse(stdout))
const { filename, entryCount, size, unpackedSize } = packed
console.log(`build/${filename}: ${entryCount} files, ${size} bytes, ${unpackedSize} unpacked`)

/** What git ignores is left out: keys of a local stack, installations. */
async function packedFiles(): Promise<readonly string[]> {
  const args = ["ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate", "--", ...FILES]
  const { stdout: listed } = await promisify(execFile)("git", args, { cwd: PACKAGE })
  return listed.split("\0").filter((path) => path !== "" && isPacked(path) && existsSync(join(PACKAGE, path)))
}

async function manifest(): Promise<unknown> {
  const own = manifestSchema.parse(JSON.parse(await readFile(join(PACKAGE, "package.json"), "utf8")))
  const all = new Map(Object.entries({ ...own.devDependencies, ...own.dependencies }))
  const versionsOf = (names: readonly string[]): Record<string, string> =>
    Object.fromEntries(
      names.map((name) => {
        const version = all.get(name)
        if (version === undefined) throw new Error(`package.json does not have ${name}`)
        return [name, version]
      }),
    )
  const tested = Object.fromEntries(
    Object.entries(versionsOf(OPTIONAL)).map(([name, version]) => [name, `^${version}`]),
  )
  return {
    name: "narrowgate",
    version: own.version,
    description: own.description,
    license: own.license,
    type: "module",
    bin: { narrowgate: "bin/narrowgate.js" },
    exports: Object.fromEntries([
      ...ENTRIES.map((name) => [`./${name}`, { types: `./${name}/index.d.ts`, default: `./${name}/index.js` }]),
      ["./package.json", "./package.json"],
    ]),
    // Earlier ones of version 22 have no SQLite, or one that cannot be closed in order: `serve` needs it.
    engines: { node: ">=22.15" },
    dependencies: versionsOf(
      [...(await packagesFrom(["bin/narrowgate.js", ...ENTRIES.map((name) => `${name}/index.js`)]))]
        .filter((name) => !OF_THE_DEMO.has(name) && !OPTIONAL.includes(name))
        .toSorted(),
    ),
    // Of what people have for their own use, another version must not fail the installation. Of the rest,
    // `npm install miniflare` has to bring the one that fits.
    peerDependencies: { ...tested, ...Object.fromEntries(OF_THEIR_OWN.map((name) => [name, "*"])) },
    tested,
    peerDependenciesMeta: Object.fromEntries(OPTIONAL.map((name) => [name, { optional: true }])),
  }
}

/** The packages that these programs import, by themselves or by their own files. */
async function packagesFrom(programs: readonly string[]): Promise<ReadonlySet<string>> {
  const [found, files] = [new Set<string>(), new Set(programs.map((program) => join(TREE, program)))]
  for (const file of files) {
    const source = await readFile(file, "utf8")
    for (const [, from, effect, dynamic] of source.matchAll(IMPORT)) {
      const specifier = from ?? effect ?? dynamic ?? ""
      if (specifier.startsWith(".")) files.add(join(dirname(file), specifier))
      else if (!specifier.startsWith("node:")) found.add(/^(?:@[^/]+\/)?[^/]+/.exec(specifier)?.[0] ?? specifier)
    }
  }
  return found
}
