/** `narrowgate deploy`: what it needs is loaded when it runs. */
import type { Command } from "commander"
import { policiesOption } from "../../cli/terminal/options.ts"

export interface DeployOptions {
  readonly env: string
  readonly host?: string
  readonly policies: string
  readonly key?: string
  readonly why?: string
  readonly dryRun?: boolean
}

export function addDeploy(program: Command): void {
  program
    .command("deploy")
    .description(
      "deploy the Worker to a Cloudflare account and publish a policy directory to it; continues where it failed before",
    )
    .requiredOption(
      "--env <NAME>",
      "such as staging or production: each has a file, a host, a KV namespace and a key of its own",
    )
    .option("--host <NAME>", "its own host name, in a zone of the account; kept in wrangler.<env>.toml")
    .addOption(policiesOption())
    .option("--key <FILE>", "the publisher's private key (also NARROWGATE_PUBLISHER_KEY)")
    .option("--why <TEXT>", "the reason of the publication (default: the last commit of the directory)")
    .option("--dry-run", "check all that can be checked here, and print what would be done; needs no account")
    .addHelpText(
      "after",
      "\nExamples:\n  narrowgate deploy --env staging --host authz.staging.example --key staging.jwk --dry-run\n  narrowgate deploy --env staging --key staging.jwk\n",
    )
    .action(async (options: DeployOptions) => (await import("./run.ts")).runDeploy(options))
}
