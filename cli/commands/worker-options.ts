/** The options of every command that sends requests to a Worker. */
import { Option, type Command } from "commander"
import { DEFAULT_URL, providerOf, type WorkerOptions } from "../remote/worker.ts"

export function workerOption(): Option {
  return new Option("--url <URL>", "the origin of the Worker").env("NARROWGATE_URL").default(DEFAULT_URL)
}

export function atWorker(command: Command): Command {
  return command
    .addOption(workerOption())
    .option("--idp <URL>", "the identity provider of the local stack (default: on the port after the Worker's)")
    .hook("preAction", (running) => {
      const { url, idp } = running.opts<Partial<WorkerOptions>>()
      if (idp === undefined && url !== undefined) running.setOptionValue("idp", providerOf(url))
    })
}
