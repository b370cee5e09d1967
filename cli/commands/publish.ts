/** `narrowgate publish` and `narrowgate rollback`: what decides from now on. */
import { stat } from "node:fs/promises"
import type { Command } from "commander"
import { setTimeout as sleep } from "node:timers/promises"
import { z } from "zod"
import { canonicalBytes, digestOf } from "../../src/core/policy/digest.ts"
import { jsonText, printableText } from "../terminal/escape.ts"
import { colors } from "../terminal/colors.ts"
import { EXIT, Failure } from "../terminal/failure.ts"
import { compilePolicies } from "../compiler/compile.ts"
import { historyAt, liveAt, publishTo, type Publish } from "../remote/publish.ts"
import type { Publication } from "../../src/api/contract/bundles.ts"
import { KEY_VARIABLE, publisherKey } from "../remote/publisher-key.ts"
import { saidOf } from "../remote/git-author.ts"
import { withProgress } from "../terminal/prompts.ts"
import { DEFAULT_URL } from "../remote/worker.ts"
import { findPublished } from "../remote/publications.ts"
import { withTables } from "../decision-tables/read.ts"
import { passes, runCases, type Suite } from "../decision-tables/suite.ts"
import { summarise } from "./check.ts"

interface PublishOptions {
  readonly url: string
  readonly key?: string
  readonly by?: string
  readonly why?: string
  readonly candidate?: boolean
  readonly withdraw?: boolean
  readonly untested?: boolean
  readonly over?: number
  readonly audience?: string
  readonly wait?: boolean
  readonly json?: boolean
}

export function addPublish(program: Command): void {
  asPublisher(program.command("publish"))
    .description("compile a policy directory and have a Worker decide by it")
    .argument("[DIR]", "the policy directory", "policies")
    .option("--candidate", "only try it beside what decides")
    .option("--untested", "though tests of the directory fail")
    .option("--withdraw", "end the trial of a candidate; nothing is compiled")
    .addHelpText(
      "after",
      '\nExamples:\n  narrowgate publish --key publisher.jwk --why "refunds need approval"\n  narrowgate publish --candidate\n\nWhat decides stays as it is unless all of it went well.\n',
    )
    .action(async (directory: string, options: PublishOptions) => {
      await (options.withdraw ? withdraw(directory, options) : publish(directory, options))
    })

  asPublisher(program.command("rollback"))
    .description("have a Worker decide by an earlier bundle again")
    .argument("[BUNDLE]", "its number, or the beginning of its digest; absent: the one before")
    .addHelpText(
      "after",
      '\nExamples:\n  narrowgate rollback\n  narrowgate rollback 41 --why "42 lets too much through"\n',
    )
    .action(rollback)
}

function asPublisher(command: Command): Command {
  return command
    .option("--url <URL>", "the Worker (also NARROWGATE_URL)", DEFAULT_URL)
    .option("--key <FILE>", `the publisher's private key (also ${KEY_VARIABLE})`)
    .option("--by <NAME>", "who publishes; absent: as git knows you")
    .option("--why <TEXT>", "why; absent: the last commit of the directory")
    .option("--audience <URL>", "the Worker's ISSUER, where that is another than the origin of --url")
    .option("--over <NUMBER>", "replace this bundle, though somebody has published it meanwhile", number)
    .option("--no-wait", "do not wait until the Worker decides by it")
    .option("--json", "what was published, as JSON")
}

async function publish(directory: string, options: PublishOptions): Promise<void> {
  const compiled = withTables(await compilePolicies(directory))
  const { body, bundle, problems } = compiled
  const isSound = body && bundle && !problems.some(({ severity }) => severity === "error")
  if (!options.json || !isSound) console.error(summarise(directory, compiled))
  if (!isSound) throw new Failure(`${directory} does not check: nothing was published`, "Mend it: `narrowgate check`.")
  if (!options.untested) refuseFailing(directory, runCases(bundle, compiled.cases, null))
  const bytes = canonicalBytes(body)
  const digest = await digestOf(bytes)
  const what = options.candidate ? "candidate" : "pointer"
  const said = await saidOf(directory, options)
  await carryOut({ ...(await target(options)), what, digest, bytes, said }, options)
}

/** On the evaluator that will decide: whether the official engine agrees is the tests' own question. */
function refuseFailing(directory: string, { outcomes }: Suite): void {
  const failing = outcomes.filter((outcome) => !passes(outcome)).length
  if (failing === 0) return
  const fix = `See \`narrowgate test ${directory}\`; to publish all the same, add --untested.`
  throw new Failure(`${failing} of ${outcomes.length} tests of ${directory} fail: nothing was published`, fix)
}

async function withdraw(directory: string, options: PublishOptions): Promise<void> {
  const isThere = await stat(directory).then(
    () => true,
    () => false,
  )
  const said = await saidOf(isThere ? directory : ".", { ...options, why: options.why ?? "the trial is over" })
  await carryOut({ ...(await target(options)), what: "withdrawal", digest: "0".repeat(64), said }, options)
}

async function rollback(which: string | undefined, options: PublishOptions): Promise<void> {
  const to = await target(options)
  const { history, live } = await historyAt(options.url, to.key, options.audience)
  const earlier = findPublished(which, history, live)
  const said = await saidOf(".", { ...options, why: options.why ?? `back to ${earlier.seq}: ${earlier.why}` })
  await carryOut({ ...to, what: "pointer", digest: earlier.digest, said }, options)
}

async function target({ url, key, over, audience }: PublishOptions): Promise<Target> {
  const more = { ...(over === undefined ? {} : { over }), ...(audience === undefined ? {} : { audience }) }
  return { url, key: await publisherKey(key), ...more }
}
type Target = Pick<Publish, "url" | "key" | "over" | "audience">

async function carryOut(asked: Publish, options: PublishOptions): Promise<void> {
  const done = await withProgress(`publishing to ${options.url}`, () => publishTo(asked))
  if (options.json) console.log(jsonText(done))
  else console.log(colors.green(told(done)))
  if (done.what !== "pointer" || options.wait === false) return
  await withProgress(`waiting until ${options.url} decides by it`, () => untilDecided(done, options))
  if (!options.json) console.log(`${options.url} decides by it`)
}

const DONE = { pointer: "decides from now on", candidate: "is tried beside what decides", withdrawal: "ends the trial" }

const told = ({ seq, what, digest, by, why }: Publication): string =>
  `bundle ${seq}${what === "withdrawal" ? "" : `, ${digest.slice(0, 12)},`} ${DONE[what]} (${printableText(by)}: ${printableText(why)})`

const LOOK_EVERY_MS = 1_000
/** KV takes a minute or so until it shows a new pointer. */
const LOOK_FOR_MS = 180_000

/** Until the place where this runs is served by it; elsewhere it may take a moment more. */
async function untilDecided({ seq }: Publication, { url }: PublishOptions): Promise<void> {
  const until = Date.now() + LOOK_FOR_MS
  for (;;) {
    const live = await liveAt(url)
    if (live && live.seq >= seq) break
    if (Date.now() > until) {
      const fix = "It is published all the same: see `narrowgate status` in a minute."
      throw new Failure(`${url} does not decide by bundle ${seq} yet`, fix, EXIT.unreachable)
    }
    await sleep(LOOK_EVERY_MS)
  }
}

function number(text: string): number {
  const read = z.coerce.number().int().positive().safeParse(text)
  if (read.success) return read.data
  throw new Failure(`--over cannot be ${text}`, "Write the number of the bundle that may be replaced.", EXIT.usage)
}
