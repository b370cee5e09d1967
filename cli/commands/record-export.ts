/** `narrowgate decisions export` and `narrowgate decisions verify`: records in files, and what proves them. */
import { hash } from "node:crypto"
import { readFile } from "node:fs/promises"
import { InvalidArgumentError, type Command } from "commander"
import { z } from "zod"
import { LOG_NAMES } from "../../src/api/contract/decisions.ts"
import { checkExports } from "../../src/core/proof/check-export.ts"
import type { CheckedLog } from "../../src/core/proof/findings.ts"
import { isSignedBy, knownKeys, type KeyX } from "../../src/core/proof/key-chain.ts"
import { readStatement } from "../../src/core/proof/log-statement.ts"
import type { CheckSignature } from "../../src/core/proof/signed-checkpoints.ts"
import { repeated } from "../import/options.ts"
import { exportedLines } from "../records/export.ts"
import { linesIn } from "../records/lines.ts"
import { rangeOf, withRange, type RangeOptions } from "../records/options.ts"
import { writeRecordFile } from "../records/write-file.ts"
import { logsOfWorker, type WorkerLog } from "../records/newest-checkpoints.ts"
import { checkpointKeys, checkReceipt, signatureCheck, verifyEd25519 } from "../records/signatures.ts"
import { verificationAsJson, verificationText, type VerifiedFiles } from "../records/verification.ts"
import { operatorBearer } from "../remote/bearer.ts"
import { parsedOrNull, reach, requestApi, type WorkerOptions } from "../remote/worker.ts"
import { jsonText } from "../terminal/escape.ts"
import { EXIT, Failure } from "../terminal/failure.ts"
import { atWorker } from "./worker-options.ts"

/** The token of the local stack lives for minutes. Milliseconds. */
const TOKEN_USE_MS = 120_000

interface ExportOptions extends WorkerOptions, RangeOptions {
  readonly log?: readonly string[]
  readonly from: number
}

interface VerifyOptions extends WorkerOptions {
  readonly key: readonly string[]
  readonly log?: readonly string[]
  readonly keys?: string
  readonly issuer?: string
  readonly json?: boolean
}

export function addRecordExport(group: Command): void {
  withRange(atWorker(group.command("export")))
    .description("write the decision records into a file that can be verified")
    .argument("<FILE>", "NDJSON; compressed if the name ends in .gz")
    .option("--log <NAME...>", `only of these logs: ${LOG_NAMES.join(", ")}`)
    .option("--from <POSITION>", "the first position in each log", position, 0)
    .addHelpText(
      "after",
      "\nThe times are those of checkpoints, at most one a minute: --since begins at the last one before it, --until ends with the first one then or later.\n" +
        "\nExamples:\n  narrowgate decisions export records.ndjson.gz\n  narrowgate decisions export week.ndjson.gz --since 7d\n",
    )
    .action(write)
  atWorker(group.command("verify"))
    .description("verify files of exported records, and receipts")
    .argument(
      "<FILE...>",
      "files of `narrowgate decisions export`, those of a sink in the order of their names, or receipts",
    )
    .addOption(
      repeated(
        "--key <X>",
        "a key of the deployment, as `export` prints it; those in the files must be linked with one",
      ),
    )
    .option(
      "--keys <FILE>",
      "its public keys, as a JWK Set; with --url and without both: those that the Worker publishes",
    )
    .option("--issuer <URL>", "the issuer of the deployment; absent: the address of the Worker, else that of the files")
    .option("--log <NAME...>", "the files have only these logs")
    .option("--json", "print the result as JSON")
    .addHelpText(
      "after",
      "\nExamples:\n  narrowgate decisions verify records.ndjson.gz --key 11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\n  narrowgate decisions verify records.ndjson.gz --url https://authz.example\n  narrowgate decisions verify records/archive/log=*/date=*/*.ndjson.gz --url https://authz.example\n  narrowgate decisions verify receipt.jwt --keys jwks.json --issuer https://authz.example\n\nExports are verified without a Worker, unless --url names it: an operator then also learns what it has beyond the files.\n",
    )
    .action(verify)
}

async function write(file: string, options: ExportOptions): Promise<void> {
  const logs = options.log ?? LOG_NAMES
  const unknown = logs.find((log) => !LOG_NAMES.some((name) => name === log))
  if (unknown !== undefined) {
    throw new Failure(`there is no log ${unknown}`, `Name one of ${LOG_NAMES.join(", ")}.`, EXIT.usage)
  }
  let [bearer, renewAt] = [await operatorBearer(options), Date.now() + TOKEN_USE_MS]
  const current = async (): Promise<string> => {
    if (Date.now() >= renewAt) [bearer, renewAt] = [await operatorBearer(options), Date.now() + TOKEN_USE_MS]
    return bearer
  }
  const times = rangeOf(options)
  const query = times.until === undefined ? {} : { until: times.until }
  const stated = await requestApi(options, bearer, "stateLogs", { parameters: {}, query, schema: statedLogs })
  await writeRecordFile(file, exportedLines(options, current, { stated, logs, from: options.from, times }))
  console.error(await reachOf(stated, logs))
}

const statedLogs = z.object({ note: z.string(), keys: z.array(z.string()) })

/** How far the file reaches, and the key to verify it with. */
async function reachOf({ note, keys }: z.infer<typeof statedLogs>, logs: readonly string[]): Promise<string> {
  const statement = readStatement(note)
  const { linked } = await knownKeys(keys, [], verifyEd25519)
  for (const key of linked) {
    if (!statement || !(await isSignedBy(key, statement.name, statement, verifyEd25519))) continue
    const until = Math.min(...statement.logs.filter(({ log }) => logs.includes(log)).map((each) => each.until))
    const reach = `It has what the logs had stored by ${new Date(until).toISOString()}; later records are not in it.`
    return `${reach}\nTo verify it, keep this elsewhere: --key ${key}`
  }
  throw new Failure("the Worker's statement of its logs cannot be verified", "Export again.")
}

async function verify(files: readonly string[], options: VerifyOptions, command: Command): Promise<void> {
  const ofReceipts: VerifiedFiles["findings"][number][] = []
  const receipts: VerifiedFiles["receipts"][number][] = []
  const [exports, given]: [string[], { file: string; receipt: string }[]] = [[], []]
  for (const file of files) {
    const receipt = await receiptIn(file)
    if (receipt === null) exports.push(file)
    else given.push({ file, receipt })
  }
  const hasKeys = options.keys !== undefined || options.key.length > 0
  const isOnline = !hasKeys && (command.getOptionValueSource("url") !== "default" || exports.length === 0)
  const published = options.keys !== undefined || isOnline ? await keysOf(options) : []
  const pinned = [...options.key.map(keyNamed), ...published]
  const address = URL.parse(options.url)?.origin ?? options.url
  for (const { file, receipt } of given) {
    const checked = await checkReceipt(receipt, options.issuer ?? address, pinned)
    if (checked.flaw === null) receipts.push({ file, ...checked.proven })
    else ofReceipts.push({ file, flaw: "receipt", what: checked.flaw })
  }
  const { findings, ...checked } = await checkExports(
    exports.map((name) => ({ name, lines: () => linesIn(name) })),
    {
      issuer: options.issuer ?? (isOnline ? address : null),
      pinned,
      verify: verifyEd25519,
      only: options.log ?? null,
    },
    nativeHash,
  )
  const flaws: VerifiedFiles["findings"][number][] = [...ofReceipts, ...findings]
  const worker =
    isOnline && exports.length > 0 ? await askWorker(options, checked.logs, signatureCheck(checked.keys)) : null
  for (const { flaw } of worker ?? []) {
    if (flaw !== null) flaws.push({ file: options.url, flaw: "contradicting", what: flaw })
  }
  const verified = { ...checked, findings: flaws, receipts, worker, files: exports.length, pinned }
  console.log(options.json ? jsonText(verificationAsJson(verified), 0) : verificationText(verified))
  if (flaws.length > 0) process.exitCode = EXIT.refused
}

/** A holder of the public keys can verify; what the Worker has now, only its operators can ask. */
async function askWorker(
  worker: WorkerOptions,
  logs: readonly CheckedLog[],
  isSigned: CheckSignature,
): Promise<readonly WorkerLog[] | null> {
  try {
    return await logsOfWorker(worker, await operatorBearer(worker), logs, isSigned)
  } catch (failure) {
    if (!(failure instanceof Failure)) throw failure
    console.error(`not compared with the Worker's newest checkpoints: ${failure.message}\nfix: ${failure.fix}`)
    return null
  }
}

/** A million records are hashed twice each: Node's own code takes a third of the time. */
export const nativeHash = (text: string): Uint8Array => hash("sha256", text, "buffer")

/** Null if the file is none. */
async function receiptIn(file: string): Promise<string | null> {
  if (/\.(?:ndjson|gz)$/.test(file)) return null
  const text = await readFile(file, "utf8").catch(() => {
    throw new Failure(`${file} cannot be read`, "Name a file of records, or a receipt.", EXIT.usage)
  })
  const answer = receiptAnswer.safeParse(parsedOrNull(text))
  const receipt = answer.success ? answer.data.receipt : text.trim()
  return /^[\w-]+\.[\w-]+\.[\w-]+$/.test(receipt) ? receipt : null
}

/** What the Worker answers, with the receipt in it. */
const receiptAnswer = z.object({ receipt: z.string() })

const jwks = z.object({ keys: z.array(z.record(z.string(), z.unknown())) })

async function keysOf({ keys, url }: VerifyOptions): Promise<readonly KeyX[]> {
  const text =
    keys === undefined
      ? await reach(url, async () => (await fetch(new URL("/.well-known/jwks.json", url))).text())
      : await readFile(keys, "utf8").catch(() => "")
  try {
    return checkpointKeys(jwks.parse(JSON.parse(text)).keys)
  } catch {
    throw new Failure(`${keys ?? url} is no JWK Set`, "Save what <issuer>/.well-known/jwks.json answers.", EXIT.usage)
  }
}

function keyNamed(text: string): KeyX {
  if (/^[\w-]{43}$/.test(text)) return text
  throw new Failure(
    `--key cannot be ${text}`,
    "Write the 43 characters that `narrowgate decisions export` prints.",
    EXIT.usage,
  )
}

function position(text: string): number {
  const value = Number(text)
  if (Number.isSafeInteger(value) && value >= 0) return value
  throw new InvalidArgumentError("Write a whole number.")
}
