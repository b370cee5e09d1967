import { mkdtemp, readFile, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"
import { gzip } from "node:zlib"
import { expect, test } from "vitest"
import { BUILD_WITHIN_MS, buildWorker } from "./bare-workerd.ts"

/** An isolate that starts cold reads all of it first. */
const AT_MOST_BYTES = 455_000

test(
  "the Worker is at most 455 KB compressed",
  async () => {
    const directory = await mkdtemp(join(tmpdir(), "narrowgate-size-"))
    try {
      const compressed = await promisify(gzip)(await readFile(await buildWorker(directory)))
      expect(compressed.byteLength).toBeGreaterThan(10_000)
      expect(compressed.byteLength).toBeLessThanOrEqual(AT_MOST_BYTES)
    } finally {
      await rm(directory, { recursive: true, force: true })
    }
  },
  BUILD_WITHIN_MS,
)
