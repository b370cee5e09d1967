/** The options of every command that reads decision records from files or from a Worker. */
import { InvalidArgumentError, Option, type Command } from "commander"
import { repeated } from "../import/options.ts"
import { hasIssuer, NO_USER_NAME } from "../../src/api/contract/names.ts"
import { EXIT, Failure } from "../terminal/failure.ts"
import { argumentsOption } from "../terminal/options.ts"
import type { RecordFilter } from "./filter.ts"
import { readTime } from "./time.ts"

const MOST = 1_000_000

export function withRecords(command: Command, what: string): Command {
  return withRange(command)
    .addOption(
      repeated(
        "--records <FILE>",
        `${what} the records in this file: an export, or what \`narrowgate decisions tail --json\` prints, plain or gzipped; - is standard input; may be repeated`,
      ),
    )
    .option("--from-worker", `${what} the newest records of the Worker`)
    .option("--limit <N>", "the most records of the Worker", readLimit, 10_000)
}

export interface RangeOptions {
  /** Milliseconds since the epoch, the first that counts. */
  readonly since?: number
  /** Milliseconds since the epoch, the first that no longer counts. */
  readonly until?: number
}

/** The same words for every command that reads records. */
export function withRange(command: Command): Command {
  return command
    .option("--since <TIME>", "only from this time on: a date (in UTC), a time, or how long ago, such as 7d", time)
    .option("--until <TIME>", "only before this time; 2026-11-25 is the end of the 24th", time)
}

// commander passes the value of an earlier occurrence as the second argument.
const time = (text: string): number => readTime(text)

export function rangeOf({ since, until }: RangeOptions): Pick<RecordFilter, "since" | "until"> {
  if (since !== undefined && until !== undefined && since >= until) {
    throw new Failure("--since is not before --until", "A date is its first moment: write the next day.", EXIT.usage)
  }
  return {
    ...(since !== undefined && { since: String(since) }),
    ...(until !== undefined && { until: String(until) }),
  }
}

function readLimit(text: string): number {
  const value = Number(text)
  if (Number.isInteger(value) && value >= 1 && value <= MOST) return value
  throw new InvalidArgumentError(`write a whole number from 1 to ${MOST}`)
}

export interface FilterOptions extends Omit<RecordFilter, "differs" | "since" | "until">, RangeOptions {
  readonly differs?: boolean
}

/** The filters of the API. */
export function withFilters(command: Command): Command {
  return withRange(command)
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
    .option("--trace <ID>", "only of this trace, by its id or a `traceparent`", traceId)
    .option("--differs", "only those that the candidate bundle would have changed")
}

export function filterOf(options: FilterOptions): RecordFilter {
  const { task, tree, agent, user, tool, code, decision, kind, differs, trace } = options
  return {
    ...rangeOf(options),
    ...(task !== undefined && { task }),
    ...(tree !== undefined && { tree }),
    ...(agent !== undefined && { agent }),
    ...(user !== undefined && { user }),
    ...(tool !== undefined && { tool }),
    ...(code !== undefined && { code }),
    ...(decision !== undefined && { decision }),
    ...(kind !== undefined && { kind }),
    ...(trace !== undefined && { trace }),
    ...(differs === true && { differs: "true" as const }),
  }
}

function userName(text: string): string {
  if (hasIssuer(text)) return text
  throw new Failure(`--user cannot be ${text}`, NO_USER_NAME, EXIT.usage)
}

/** As observability tools show it, alone or in a `traceparent` (W3C Trace Context, section 3.2). */
function traceId(text: string): string {
  const [, id] = /^(?:[0-9a-f]{2}-)?([0-9a-f]{32})(?:-[0-9a-f]{16}-[0-9a-f]{2})?$/.exec(text.toLowerCase()) ?? []
  if (id !== undefined) return id
  throw new InvalidArgumentError("Write its 32 hex digits.")
}

/** Of records in files alone. */
export function withCallFilters(command: Command): Command {
  return command
    .addOption(argumentsOption("only with these arguments, by name"))
    .option("--path <PATH>", "only of this path, and those below it")
}
