/** What a process takes of the processor. Linux alone says so. */
import { readdir, readFile } from "node:fs/promises"

/** Milliseconds on a processor of all threads, which the scheduler counts to the nanosecond. */
export async function processorTime({ pid }: { readonly pid: number }): Promise<number> {
  const threads = await readdir(`/proc/${pid}/task`)
  const spent = await Promise.all(
    threads.map(async (thread) => (await readFile(`/proc/${pid}/task/${thread}/schedstat`, "utf8")).split(" ", 1)),
  )
  return spent.reduce((sum, [nanoseconds]) => sum + Number(nanoseconds), 0) / 1e6
}
