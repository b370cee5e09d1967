import { readdirSync, readFileSync } from "node:fs"
import { join, relative, sep } from "node:path"
import { cloudflareTest } from "@cloudflare/vitest-plugin"
import { defineConfig } from "vitest/config"
import type { Reporter } from "vitest/node"
import { generatePublisherKey } from "./cli/compiler/sign.ts"
import { FOLDERS, type Files, type Folder, type Vectors } from "./test/conformance/folders.ts"
import { tableOf } from "./test/conformance/table.ts"
import { prepareCedar } from "./test/node/cedar-vectors.ts"

// Public vectors stay where they are: they are read from there, and handed to workerd, which has no file system.
const directory = process.env["CONFORMANCE_VECTORS"] ?? ""

/** The policies of Cedar's vectors are lowered here, as they are when a bundle is built: workerd never parses one. */
const PREPARED: Readonly<Partial<Record<Folder, (files: Files) => Files>>> = { cedar: prepareCedar }

function vectorsOf(folder: Folder): Files {
  const files = filesOf(folder)
  return PREPARED[folder]?.(files) ?? files
}

function filesOf(folder: string): Files {
  const root = join(directory, folder)
  const entries = readdirSync(root, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  const paths = entries.map(({ parentPath, name }) => join(parentPath, name)).toSorted()
  return Object.fromEntries(
    paths.map((path) => [relative(root, path).replaceAll(sep, "/"), readFileSync(path, "utf8")] as const),
  )
}

const vectors: Vectors | null =
  directory === "" ? null : Object.fromEntries(FOLDERS.map((folder) => [folder, vectorsOf(folder)] as const))

/** What ran and what deviates, as the last thing that is said. A folder of which nothing ran fails the run. */
const table: Reporter = {
  onTestRunEnd(modules) {
    const { text, lacking } = tableOf(modules, vectors !== null)
    process.stdout.write(`\n${text}\n`)
    if (lacking) process.exitCode = 1
  },
}

// As in vitest.config.ts: what is asked of the Worker whole needs a bundle that it trusts.
const publisher = await generatePublisherKey()
const bindings = { PUBLISHER_KEYS: JSON.stringify({ keys: [publisher.publicJwk] }) }

export default defineConfig({
  plugins: [cloudflareTest({ wrangler: { configPath: "./wrangler.toml" }, miniflare: { bindings } })],
  test: {
    include: ["test/conformance/**/*.test.ts"],
    globalSetup: ["./test/node/compiled-policies.ts", "./test/node/issuer-server.ts"],
    maxWorkers: 1,
    reporters: ["default", table],
    provide: { vectors, publisher: publisher.privateJwk },
  },
})
