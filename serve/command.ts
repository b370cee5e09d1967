/** `narrowgate serve`: what it needs is loaded when it runs. */
import type { Command } from "commander"
import { usersOption } from "../cli/terminal/options.ts"

interface ConfigOption {
  readonly config?: string
}

export interface ServeOptions extends ConfigOption {
  readonly trial?: boolean
  readonly users?: string
}

export function addServe(program: Command): void {
  const serve = withConfig(program.command("serve"))
    .description("run Narrowgate on this machine, for production: the Worker in workerd, with its objects on disk")
    .option(
      "--trial",
      "bring an identity provider, on the next port, with which anybody on this machine can sign in as anybody; on loopback only",
    )
    .addOption(usersOption("the users of the identity provider of --trial"))
    .addHelpText(
      "after",
      "\nExamples:\n  narrowgate serve\n  narrowgate serve --config /etc/narrowgate.yaml\n  narrowgate serve --trial\n",
    )
    .action(async (options: ServeOptions) => {
      silenceWarnings()
      await (await import("./run.ts")).runServe(options)
    })
  withConfig(serve.command("backup"))
    .description("write all that the deployment stores into a file, whether it runs or not")
    .argument("<FILE>", "the file, which must not be there")
    .addHelpText("after", "\nExample:\n  narrowgate serve backup /backups/monday.narrowgate\n")
    .action(async (file: string, _options: unknown, command: Command) => {
      silenceWarnings()
      await (await import("./backup-command.ts")).runBackup(file, configOf(command))
    })
  withConfig(serve.command("restore"))
    .description("fill the empty directory of a deployment from a backup; what was given before is revoked")
    .argument("<FILE>", "a file that `serve backup` has written")
    .addHelpText("after", "\nExample:\n  narrowgate serve restore /backups/monday.narrowgate\n")
    .action(async (file: string, _options: unknown, command: Command) => {
      silenceWarnings()
      await (await import("./backup-command.ts")).runRestore(file, configOf(command))
    })
}

function withConfig(command: Command): Command {
  return command.option("--config <FILE>", "the configuration; absent: narrowgate.yaml, if it is there")
}

/** `serve` takes its own option wherever it stands. */
function configOf(command: Command): string | null {
  const { config }: ConfigOption = command.optsWithGlobals()
  return config ?? null
}

/** Before SQLite is loaded: Node.js 22 warns then that it is experimental. */
function silenceWarnings(): void {
  process.removeAllListeners("warning")
}
