/** `narrowgate decisions export` and `narrowgate decisions verify`: records in files, and what proves them. */
import { hash } from "node:crypto"
import { readFile } from "node:fs/promises"
import { InvalidArgumentError, type Command } from "commander"
import { z } from "zod"
import type { JWK } from "jose"
import { LOG_NAMES } from "../../src/api/contract/decisions.ts"
import { checkExports } from "../../src/core/proof/check-export.ts"
import type { CheckedLog } from "../../src/core/proof/findings.ts"
import type { CheckSignature } from "../../src/core/proof/signed-checkpoints.ts"
import { exportedLines } from "../records/export.ts"
import { linesIn } from "../records/lines.ts"
import { rangeOf, withRange, type RangeOptions } from "../records/options.ts"
import { writeRecordFile } from "../records/write-file.ts"
import { logsOfWorker, type WorkerLog } from "../records/newest-checkpoints.ts"
import { checkReceipt, signatureCheck } from "../records/signatures.ts"
import { verificationAsJson, verificationText, type VerifiedFiles } from "../records/verification.ts"
import { operatorBearer } from "../remote/bearer.ts"
import { parsedOrNull, reach, type WorkerOptions } from "../remote/worker.ts"
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
    .option("--keys <FILE>", "the public keys of the deployment, as a JWK Set; absent: those that it publishes")
    .option("--issuer <URL>", "the issuer of the deployment; absent: the address of the Worker")
    .option("--json", "print the result as JSON")
    .addHelpText(
      "after",
      "\nExamples:\n  narrowgate decisions verify records.ndjson.gz --url https://authz.example\n  narrowgate decisions verify records/archive/log=*/date=*/*.ndjson.gz --url https://authz.example\n  narrowgate decisions verify receipt.jwt --keys jwks.json --issuer https://authz.example\n\nWithout --keys an operator also learns what the Worker has beyond the files.\n",
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
  await writeRecordFile(file, exportedLines(options, current, { logs, from: options.from, times: rangeOf(options) }))
}

async function verify(files: readonly string[], options: VerifyOptions): Promise<void> {
  const keys = await keysOf(options)
  const issuer = options.issuer ?? URL.parse(options.url)?.origin ?? options.url
  const isSigned = signatureCheck(keys)
  const ofReceipts: VerifiedFiles["findings"][number][] = []
  const receipts: VerifiedFiles["receipts"][number][] = []
  const exports: string[] = []
  for (const file of files) {
    const receipt = await receiptIn(file)
    if (receipt === null) {
      exports.push(file)
      continue
    }
    const checked = await checkReceipt(receipt, issuer, keys)
    if (checked.flaw === null) receipts.push({ file, ...checked.proven })
    else ofReceipts.push({ file, flaw: "receipt", what: checked.flaw })
  }
  const { findings, ...checked } = await checkExports(
    exports.map((name) => ({ name, lines: () => linesIn(name) })),
    issuer,
    isSigned,
    nativeHash,
  )
  const flaws: VerifiedFiles["findings"][number][] = [...ofReceipts, ...findings]
  // Given keys are for verification without the Worker.
  const isOnline = options.keys === undefined && exports.length > 0
  const worker = isOnline ? await askWorker(options, checked.logs, isSigned) : null
  for (const { flaw } of worker ?? []) {
    if (flaw !== null) flaws.push({ file: options.url, flaw: "contradicting", what: flaw })
  }
  const verified = { ...checked, findings: flaws, receipts, worker, files: exports.length }
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

async function keysOf({ keys, url }: VerifyOptions): Promise<readonly JWK[]> {
  const text =
    keys === undefined
      ? await reach(url, async () => (await fetch(new URL("/.well-known/jwks.json", url))).text())
      : await readFile(keys, "utf8").catch(() => "")
  try {
    return jwks.parse(JSON.parse(text)).keys
  } catch {
    throw new Failure(`${keys ?? url} is no JWK Set`, "Save what <issuer>/.well-known/jwks.json answers.", EXIT.usage)
  }
}

function position(text: string): number {
  const value = Number(text)
  if (Number.isSafeInteger(value) && value >= 0) return value
  throw new InvalidArgumentError("Write a whole number.")
}
