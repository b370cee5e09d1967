/**
 * `npm run bench:costs`: what Cloudflare bills for each kind of call, counted on the real Worker. With `--write` it
 * writes docs/reference/costs.md.
 */
import { execFile } from "node:child_process"
import { readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { parseArgs, promisify } from "node:util"
import { Lab, PACES } from "../lab.ts"
import { countAll } from "./count.ts"
import { measureAll } from "./cpu.ts"
import { KINDS } from "./kinds.ts"
import { PAGE, pageOf, type Cost } from "./page.ts"

const ROOT = join(import.meta.dirname, "../..")

// So that what was started is ended too: see `startProcess`.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(130))

// Each process that is started is ended with this one.
process.setMaxListeners(32)
const { values } = parseArgs({ options: { write: { type: "boolean", default: false } } })
const say = process.stderr.isTTY ? (what: string) => process.stderr.write(`\r\x1b[K${what}`) : () => undefined
await using lab = await Lab.open(PACES.full, say)
const counts = await countAll(lab, KINDS)
const times = await measureAll(lab, KINDS)
const costs = KINDS.flatMap((kind): Cost[] => {
  const [counted, cpuMilliseconds] = [counts.get(kind), times.get(kind)]
  return counted && cpuMilliseconds !== undefined ? [{ kind, counts: counted, cpuMilliseconds }] : []
})
say("")
const page = values.write ? PAGE : lab.place("costs.md")
await writeFile(page, pageOf(costs))
await promisify(execFile)(process.execPath, [join(ROOT, "node_modules/oxfmt/bin/oxfmt"), page], { cwd: ROOT })
console.log(await readFile(page, "utf8"))
