/** `narrowgate publish` and `narrowgate rollback`: which bundle decides from now on. */
import type { Command } from "commander"
import { setTimeout as sleep } from "node:timers/promises"
import { z } from "zod"
import { canonicalBytes, digestOf } from "../../src/core/policy/digest.ts"
import { jsonText, printableText } from "../terminal/escape.ts"
import { colors } from "../terminal/colors.ts"
import { exists } from "../terminal/exists.ts"
import { EXIT, Failure } from "../terminal/failure.ts"
import { compilePolicies } from "../compiler/compile.ts"
import { historyAt, liveAt, publishTo, type Publish } from "../remote/publish.ts"
import type { Publication } from "../../src/api/contract/bundles.ts"
import { KEY_VARIABLE, publisherKey } from "../remote/publisher-key.ts"
import { publicationReason } from "../remote/git-author.ts"
import { withProgress } from "../terminal/prompts.ts"
import { findPublished } from "../remote/publications.ts"
import { withTables } from "../decision-tables/read.ts"
import { passes, runCases, type Suite } from "../decision-tables/suite.ts"
import { summarise } from "./check.ts"
import { inPolicies } from "../terminal/options.ts"
import { workerOption } from "./worker-options.ts"

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
  asPublisher(inPolicies(program.command("publish")), "the last commit of the directory")
    .description("compile a policy directory and make it the live bundle of a Worker")
    .option("--candidate", "publish it as the candidate beside the live bundle")
    .option("--untested", "publish it although tests of the directory fail")
    .option("--withdraw", "withdraw the candidate; nothing is compiled")
    .addHelpText(
      "after",
      '\nExamples:\n  narrowgate publish --key publisher.jwk --why "refunds need approval"\n  narrowgate publish --candidate\n\nThe live bundle stays the same if any step fails.\n',
    )
    .action(async (directory: string, options: PublishOptions) => {
      await (options.withdraw ? withdraw(directory, options) : publish(directory, options))
    })

  asPublisher(program.command("rollback"), "the number and the reason of that bundle")
    .description("make an earlier bundle the live bundle of a Worker again")
    .argument("[BUNDLE]", "its number, or the beginning of its digest (default: the bundle before the live one)")
    .addHelpText("after", '\nExamples:\n  narrowgate rollback\n  narrowgate rollback 41 --why "42 allows too much"\n')
    .action(rollback)
}

/** @param why what is recorded as the reason if none is given */
function asPublisher(command: Command, why: string): Command {
  return command
    .addOption(workerOption())
    .option("--key <FILE>", `the publisher's private key (also ${KEY_VARIABLE} in the environment)`)
    .option("--by <NAME>", "the name of the publisher (default: your name in git)")
    .option("--why <TEXT>", `the reason (default: ${why})`)
    .option("--audience <URL>", "the ISSUER of the Worker, if it differs from the origin of --url")
    .option("--over <NUMBER>", "replace the bundle of this number, although it was published meanwhile", number)
    .option("--no-wait", "do not wait until the Worker uses it")
    .option("--json", "print the publication as JSON")
}

async function publish(directory: string, options: PublishOptions): Promise<void> {
  const compiled = withTables(await compilePolicies(directory))
  const { body, bundle, problems } = compiled
  const isSound = body && bundle && !problems.some(({ severity }) => severity === "error")
  if (!options.json || !isSound) console.error(summarise(directory, compiled))
  if (!isSound) throw new Failure(`${directory} does not check: nothing was published`, "Run `narrowgate check`.")
  if (!options.untested) refuseFailing(directory, runCases(bundle, compiled.cases, null))
  const bytes = canonicalBytes(body)
  const digest = await digestOf(bytes)
  const what = options.candidate ? "candidate" : "pointer"
  const reason = await publicationReason(directory, options)
  await carryOut({ ...(await target(options)), what, digest, bytes, reason }, options)
}

/** Runs on the evaluator that will decide; the tests themselves compare it with the official engine. */
function refuseFailing(directory: string, { outcomes }: Suite): void {
  const failing = outcomes.filter((outcome) => !passes(outcome)).length
  if (failing === 0) return
  const fix = `See \`narrowgate test ${directory}\`; to publish all the same, add --untested.`
  throw new Failure(`${failing} of ${outcomes.length} tests of ${directory} fail: nothing was published`, fix)
}

async function withdraw(directory: string, options: PublishOptions): Promise<void> {
  const isThere = await exists(directory)
  const reason = await publicationReason(isThere ? directory : ".", {
    ...options,
    why: options.why ?? "the candidate is withdrawn",
  })
  await carryOut({ ...(await target(options)), what: "withdrawal", digest: "0".repeat(64), reason }, options)
}

async function rollback(which: string | undefined, options: PublishOptions): Promise<void> {
  const to = await target(options)
  const { history, live } = await historyAt(options.url, to.key, options.audience)
  const earlier = findPublished(which, history, live)
  const reason = await publicationReason(".", {
    ...options,
    why: options.why ?? `back to ${earlier.seq}: ${earlier.why}`,
  })
  await carryOut({ ...to, what: "pointer", digest: earlier.digest, reason }, options)
}

async function target({ url, key, over, audience }: PublishOptions): Promise<Target> {
  const more = { ...(over === undefined ? {} : { over }), ...(audience === undefined ? {} : { audience }) }
  return { url, key: await publisherKey(key), ...more }
}
type Target = Pick<Publish, "url" | "key" | "over" | "audience">

async function carryOut(publication: Publish, options: PublishOptions): Promise<void> {
  const done = await withProgress(`publishing to ${options.url}`, () => publishTo(publication))
  if (options.json) console.log(jsonText(done))
  else console.log(colors.green(publishedText(done)))
  if (done.what !== "pointer" || options.wait === false) return
  if (!options.json && !process.stderr.isTTY)
    console.error(`waiting until ${options.url} decides by it, for up to a minute; --no-wait does not wait`)
  await withProgress(`waiting until ${options.url} decides by it`, () => untilDecided(done, options))
  if (!options.json) console.log(`${options.url} decides by it`)
}

const DONE = {
  pointer: "decides from now on",
  candidate: "is the candidate beside the live bundle",
  withdrawal: "withdraws the candidate",
}

const publishedText = ({ seq, what, digest, by, why }: Publication): string =>
  `bundle ${seq}${what === "withdrawal" ? "" : `, ${digest.slice(0, 12)},`} ${DONE[what]} (${printableText(by)}: ${printableText(why)})`

const LOOK_EVERY_MS = 1_000
/** KV takes about a minute until it shows a new pointer. */
const LOOK_FOR_MS = 180_000

/** Waits until the Cloudflare location that serves this machine has the bundle; other locations may take longer. */
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
