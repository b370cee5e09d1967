/**
 * `npm run bench:testing`: how long a test waits for the test kit, from the import of `narrowgate/testing` until calls are
 * decided. Each start has a process of its own, as each file of tests has; the program is the packed one.
 */
import { execFile } from "node:child_process"
import { existsSync } from "node:fs"
import { join } from "node:path"
import { promisify } from "node:util"
import { z } from "zod"

const ROOT = join(import.meta.dirname, "../..")
const ENTRY = join(ROOT, "build/narrowgate/testing/index.js")
const POLICIES = join(ROOT, "policies")
const PROGRAM = join(import.meta.dirname, "start.ts")
const STARTS = 10

const measured = z.object({ ready: z.number(), second: z.number(), processor: z.number() })

if (!existsSync(ENTRY)) throw new Error("build/narrowgate is missing: npm run pack")
const starts: z.infer<typeof measured>[] = []
for (let start = 0; start < STARTS; start++) {
  const { stdout } = await promisify(execFile)(process.execPath, [PROGRAM, ENTRY, POLICIES])
  starts.push(measured.parse(JSON.parse(stdout)))
}
for (const [what, key] of [
  ["the first of a process", "ready"],
  ["the next of the same process", "second"],
  ["processor time of the first, without the runtime's", "processor"],
] as const) {
  const times = starts.map((each) => Math.round(each[key])).toSorted((a, b) => a - b)
  console.log(`${what}: median ${times[Math.floor(STARTS / 2)]} ms, ${times[0]} to ${times.at(-1)} ms`)
}
