/** Thread of the load generator: takes one job at a time and answers with what it saw. */
import { parentPort } from "node:worker_threads"
import { runClosed } from "./closed-loop.ts"
import type { Job } from "./load.ts"
import { runOpen } from "./open-loop.ts"

parentPort?.on("message", (job: Job) => {
  void (job.loop === "open" ? runOpen(job) : runClosed(job)).then((seen) => parentPort?.postMessage(seen))
})
