/** Started anew for each measurement: the entry of the packed test kit, and a policy directory, stand in its arguments. */
import { cpuUsage } from "node:process"
import type { startNarrowgate as Start } from "../../testing/index.ts"

const [, , entry = "", policies = ""] = process.argv

const begun = performance.now()
const { startNarrowgate }: { readonly startNarrowgate: typeof Start } = await import(entry)
const first = await startNarrowgate({ policies })
const ready = performance.now() - begun
const { user, system } = cpuUsage()
await first.stop()

const again = performance.now()
const next = await startNarrowgate({ policies })
const second = performance.now() - again
await next.stop()

console.log(JSON.stringify({ ready, second, processor: (user + system) / 1000 }))
