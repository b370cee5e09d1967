/** `narrowgate doctor`: what is wrong with this machine, the policies, the Worker and what stands around it. */
import { text } from "node:stream/consumers"
import type { Command } from "commander"
import { examine } from "../doctor/examine.ts"
import { renderExamined } from "../doctor/render.ts"
import { subjectOf } from "../doctor/subject.ts"
import type { WorkerOptions } from "../remote/worker.ts"
import { jsonText } from "../terminal/escape.ts"
import { EXIT, Failure } from "../terminal/failure.ts"
import { withProgress } from "../terminal/prompts.ts"
import { inPolicies, isPoliciesNamed } from "../terminal/options.ts"
import { atWorker } from "./worker-options.ts"

interface DoctorOptions extends WorkerOptions {
  readonly key?: string
  readonly gateway?: string
  readonly keyEnv?: string
  readonly tokenEnv?: string
  readonly json?: boolean
}

export function addDoctor(program: Command): void {
  const command = inPolicies(program.command("doctor")).description(
    "find out what is wrong: this machine, the policies, the Worker, its issuers and gateways",
  )
  atWorker(command)
    .option("--key <FILE>", "the publisher's private key (default: publisher.jwk, or the environment's)")
    .option("--gateway <ID>", "the gateway whose key is given")
    .option("--key-env <VARIABLE>", "the environment variable that has the gateway's key; - reads standard input")
    .option("--token-env <VARIABLE>", "the environment variable that has a token to look at; - reads standard input")
    .option("--json", "print what is found as JSON")
    .addHelpText(
      "after",
      "\nExamples:\n  narrowgate doctor\n  narrowgate doctor policies --url https://authz.example --key publisher.jwk\n" +
        "  EDGE_KEY=$(cat edge.key) narrowgate doctor --url https://authz.example --gateway edge --key-env EDGE_KEY\n" +
        "\nIt changes nothing. A call without a token goes through each gateway, which has to deny it; of a server that asks\n" +
        "itself, up to eight tools that only read are called so.\n" +
        "\nExit code 1: something is a problem.\n",
    )
    .action(doctor)
}

async function doctor(directory: string, options: DoctorOptions, command: Command): Promise<void> {
  const { url, idp, key, gateway: id, keyEnv, tokenEnv, json } = options
  if (URL.parse(url) === null || URL.parse(idp) === null)
    throw new Failure(`--url cannot be ${url}`, "Write an https URL, such as https://authz.example.", EXIT.usage)
  if (keyEnv === "-" && tokenEnv === "-")
    throw new Failure("standard input has one of them", "Put the other into an environment variable.", EXIT.usage)
  if ((id === undefined) !== (keyEnv === undefined))
    throw new Failure("a gateway's key is given by --gateway and --key-env", "Give both, or neither.", EXIT.usage)
  const given = {
    directory,
    isDirectoryNamed: isPoliciesNamed(command),
    url,
    isUrlNamed: command.getOptionValueSource("url") !== "default",
    idp,
    ...(key !== undefined && { key }),
    ...(id !== undefined && keyEnv !== undefined && { gateway: { id, key: await secretIn(keyEnv) } }),
    ...(tokenEnv !== undefined && { token: (await secretIn(tokenEnv)).trim() }),
  }
  const began = Date.now()
  const found = await withProgress("looking", async () => examine(await subjectOf(given)))
  const isWell = found.every(({ level }) => level !== "problem")
  if (!isWell) process.exitCode = EXIT.refused
  console.log(json ? jsonText({ ok: isWell, found }) : renderExamined(found, (Date.now() - began) / 1000))
}

/** Never an argument, which everybody on this machine can read. */
async function secretIn(variable: string): Promise<string> {
  const value = variable === "-" ? (await text(process.stdin)).replace(/\n$/u, "") : process.env[variable]
  if (value !== undefined && value !== "") return value
  const where = variable === "-" ? "standard input" : `the environment variable ${variable}`
  throw new Failure(`${where} is empty`, "Write the secret there, alone.", EXIT.usage)
}
