/** The test build as a Worker of miniflare. */
import { mkdtemp, readFile, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { builtWorker } from "../dev/built-worker.ts"
import { readManifest } from "../dev/manifest.ts"
import { ALGORITHM } from "./kit/provider.ts"
import type { Setup } from "./kit/setup.ts"
import type { JsonValue, WorkerDefinition } from "./types.ts"

/** @param setup null: the test gives it to the Worker once that runs */
export async function definitionOf(name: string, setup: Setup | null): Promise<WorkerDefinition> {
  const { compatibilityDate, compatibilityFlags, durableObjects } = await readManifest()
  const test: JsonValue = JSON.parse(JSON.stringify(setup))
  return {
    name,
    modules: [{ type: "ESModule", path: "narrowgate.js", contents: await (script ??= readWorker()) }],
    compatibilityDate,
    compatibilityFlags: [...compatibilityFlags],
    bindings: {
      SIGNING_ALGORITHM: ALGORITHM,
      RECORD_DELAY_SECONDS: "0",
      LOCAL: "true",
      NARROWGATE_TEST: test,
    },
    kvNamespaces: ["BUNDLES"],
    durableObjects: Object.fromEntries(
      durableObjects.map(({ binding, className }) => [binding, { className, useSQLite: true }]),
    ),
  }
}

let script: Promise<string> | undefined

async function readWorker(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "narrowgate-testing-"))
  try {
    return await readFile(await builtWorker("test", directory), "utf8")
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}
