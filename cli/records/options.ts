/** The options of every command that reads decision records from files or from a Worker. */
import { InvalidArgumentError, Option, type Command } from "commander"
import { repeated } from "../import/options.ts"
import { hasIssuer, NO_USER_NAME } from "../../src/api/contract/names.ts"
import { EXIT, Failure } from "../terminal/failure.ts"
import type { RecordFilter } from "./filter.ts"

const MOST = 1_000_000

export function withRecords(command: Command, what: string): Command {
  return command
    .addOption(
      repeated(
        "--records <FILE>",
        `${what} the records in this file: an export, or what \`narrowgate decisions tail --json\` prints, plain or gzipped; - is standard input; may be repeated`,
      ),
    )
    .option("--from-worker", `${what} the newest records of the Worker`)
    .option("--limit <N>", "the most records of the Worker", readLimit, 10_000)
}

function readLimit(text: string): number {
  const value = Number(text)
  if (Number.isInteger(value) && value >= 1 && value <= MOST) return value
  throw new InvalidArgumentError(`write a whole number from 1 to ${MOST}`)
}

export interface FilterOptions extends Omit<RecordFilter, "differs"> {
  readonly differs?: boolean
}

/** The filters of the API. */
export function withFilters(command: Command): Command {
  return command
    .option("--task <ID>", "only of this task")
    .option("--tree <ID>", "only of this task and all tasks below it")
    .option("--agent <ID>", "only of this agent")
    .option("--user <NAME>", "only for this user, as ISSUER|SUBJECT", userName)
    .option("--tool <NAME>", "only calls of this tool")
    .option("--code <CODE>", "only with this code, such as policy_denied")
    .addOption(new Option("--decision <WHICH>", "only allowed or denied ones").choices(["allow", "deny"]))
    .addOption(
      new Option(
        "--kind <KIND>",
        "only of this kind; actions of operators and publishers are only shown by `--kind management`",
      ).choices(["call", "exchange", "approval", "end", "management"]),
    )
    .option("--differs", "only those that the candidate bundle would have changed")
}

export function filterOf(options: FilterOptions): RecordFilter {
  const { task, tree, agent, user, tool, code, decision, kind, differs } = options
  return {
    ...(task !== undefined && { task }),
    ...(tree !== undefined && { tree }),
    ...(agent !== undefined && { agent }),
    ...(user !== undefined && { user }),
    ...(tool !== undefined && { tool }),
    ...(code !== undefined && { code }),
    ...(decision !== undefined && { decision }),
    ...(kind !== undefined && { kind }),
    ...(differs === true && { differs: "true" as const }),
  }
}

function userName(text: string): string {
  if (hasIssuer(text)) return text
  throw new Failure(`--user cannot be ${text}`, NO_USER_NAME, EXIT.usage)
}
