/** `/v1/records`: the logs of decision records in their order, and what proves them. */
import type { LogCheckpoint } from "../audit/log-page.ts"
import { proveRecord, statedLogs, type FoundRecord } from "../audit/record-logs.ts"
import { base64ToBytes, bytesToBase64 } from "../core/encoding/base64.ts"
import { timeOf } from "../core/encoding/ids.ts"
import { proofText } from "../core/proof/checkpoint.ts"
import { headOf, leafOf } from "../core/proof/leaf.ts"
import { statementName, statementText } from "../core/proof/log-statement.ts"
import { knownToAgent } from "../core/proof/receipt.ts"
import { isDenied } from "../core/denials/denial.ts"
import { askLedger } from "../ledger/ask.ts"
import { LEDGER_VERSION } from "../ledger/protocol.ts"
import type { RequestContext } from "../request-context.ts"
import type { Answer } from "./contract/contract.ts"
import type { ApiAnswer, ApiError } from "./outcome.ts"
import { noSuchTask, recordedAgent, TASK_UNAVAILABLE, tokenRejected } from "./task-caller.ts"
import { readStored } from "../core/record/record.ts"
import { keyRing } from "../signing/key-ring.ts"
import { signNote } from "../signing/sign-note.ts"
import { ringSigner } from "../signing/signing-key.ts"
import { signReceipt, type Receipt } from "../signing/sign-receipt.ts"
import type { Handler } from "./handler.ts"

export const readRecords: Handler<"readRecords"> = async ({ query: { log, from, since, until }, context }) => {
  const times = { since: since ?? null, until: until ?? null }
  const { lines, isEmpty } = await context.env.RECORD_LOG.getByName(log).lines(from, times)
  // An answer has thousands of records, so that a reader of all adds few. Who follows the end reads nothing yet.
  return { answer: lines, record: isEmpty ? null : { arguments: { log, from } } }
}

export const stateLogs: Handler<"stateLogs"> = async ({ query: { until }, context: { env, config } }) => {
  const [logs, keys] = await Promise.all([statedLogs(env, until ?? null), keyRing(env).keyLinks()])
  const note = await signNote(env, statementName(config.issuer), statementText(config.issuer, logs))
  return { answer: { note, keys } }
}

export const listCheckpoints: Handler<"listCheckpoints"> = async ({ query: { log: name, from }, context }) => {
  const log = context.env.RECORD_LOG.getByName(name)
  const [checkpoints, newest, { oldest }] = await Promise.all([
    log.checkpoints(from),
    log.newestCheckpoint(),
    log.state(),
  ])
  const { issuer } = context.config
  return { answer: { issuer, log: name, checkpoints: checkpoints.map(shown), newest: newest && shown(newest), oldest } }
}

const shown = ({ size, at, note }: LogCheckpoint): Omit<LogCheckpoint, "frontier"> => ({ size, at, note })

/** Until a checkpoint covers the record. Seconds. */
const RETRY_AFTER = 60
/** So long a record may be on its way to its log; later there is none. */
const ON_ITS_WAY_MS = 120_000

export const showReceipt: Handler<"showReceipt"> = async ({ parameters: { decision }, context }) =>
  receiptFor(decision, null, true, context)

export const showOwnReceipt: Handler<"showOwnReceipt"> = async (input) => {
  const { request, parameters, caller, bundle, context } = input
  const { task, decision } = parameters
  // The ledger knows whether the token is live; what it says of the task is not needed.
  const agent = caller.kind === "agent" ? caller : null
  const viewed = await askLedger(context.env, task, async (ledger) => ({
    found: await ledger.view(LEDGER_VERSION, bundle.pointer, task, agent),
  }))
  if (!viewed) return TASK_UNAVAILABLE
  if (!viewed.found) return noSuchTask(task)
  if (isDenied(viewed.found)) return tokenRejected(viewed.found.denied, request)
  const result = await receiptFor(decision, task, agent === null, context)
  return { ...result, record: { task, ...(caller.kind === "agent" ? recordedAgent(caller) : caller.permitted) } }
}

/** @param task to which the decision has to belong; null: any */
async function receiptFor(
  id: string,
  task: string | null,
  isWhole: boolean,
  { env, config }: RequestContext,
): Promise<ApiAnswer<Answer<"showReceipt">> | ApiError<"not_found" | "unavailable">> {
  const found = (await proveRecord(env, id)) ?? (isOnItsWay(id, Date.now()) ? "pending" : null)
  const denial = { reason: "not_found", what: id.slice(0, 64) } as const
  if (found === "pending") {
    const headers = { "Retry-After": String(RETRY_AFTER) }
    return { error: "not_found", description: "No checkpoint covers the record yet: ask again.", denial, headers }
  }
  if (found === null || (task !== null && readStored(found).task !== task)) {
    return { error: "not_found", description: "There is no such decision record.", denial }
  }
  const signer = await ringSigner(env, "EdDSA")
  if (!signer) return { error: "unavailable", description: "No key could be read." }
  return {
    answer: {
      decision: id,
      receipt: await signReceipt(signer, config.issuer, receiptOf(id, isWhole, found), Date.now()),
    },
  }
}

/** Whether a decision with this id, if there was one, was made a moment ago. */
function isOnItsWay(id: string, now: number): boolean {
  const made = timeOf(id)
  return made !== null && Math.abs(now - made) < ON_ITS_WAY_MS
}

/** @param isWhole whether the receipt says all that the entry has, for an operator */
function receiptOf(decision: string, isWhole: boolean, { log, body, salt, index, path, note }: FoundRecord): Receipt {
  const head = headOf(JSON.parse(body), salt)
  const leaf = bytesToBase64(leafOf(head))
  const proof = proofText({ index, path: path.flatMap((hash) => [base64ToBytes(hash) ?? new Uint8Array()]), note })
  const chain = head["chain"]
  const record = isWhole ? head : knownToAgent(head)
  const agent: unknown = Array.isArray(chain) ? chain.at(-1) : null
  return { decision, agent: typeof agent === "string" ? agent : null, record, leaf, log, proof }
}
