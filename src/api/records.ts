/** `/v1/records`: the logs of decision records in their order, and what proves them. */
import { proveRecord, type FoundRecord } from "../audit/record-logs.ts"
import { base64ToBytes } from "../core/encoding/base64.ts"
import { proofText } from "../core/proof/checkpoint.ts"
import { headOf } from "../core/proof/leaf.ts"
import { isDenied } from "../core/denials/denial.ts"
import { askLedger } from "../ledger/ask.ts"
import { LEDGER_VERSION } from "../ledger/protocol.ts"
import type { RequestContext } from "../request-context.ts"
import type { Answer } from "./contract/contract.ts"
import type { ApiAnswer, ApiError } from "./outcome.ts"
import { noSuchTask, recordedAgent, TASK_UNAVAILABLE, tokenRejected } from "./task-caller.ts"
import { readLogged, readStored } from "../core/record/record.ts"
import { ringSigner } from "../signing/signing-key.ts"
import { signReceipt, type Receipt } from "../signing/sign-receipt.ts"
import type { Handler } from "./handler.ts"

/** Of one answer, in which each record is parsed and written again. */
const PAGE_BYTES = 1_000_000

export const readRecords: Handler<"readRecords"> = async ({ query: { log, from }, context }) => {
  const stub = context.env.RECORD_LOG.getByName(log)
  // What waits for a position is to be in the last page.
  await stub.seal()
  const { records, ...page } = await stub.read(from, PAGE_BYTES)
  const frontier = await stub.frontier(records[0]?.index ?? page.next)
  const answer = {
    issuer: context.config.issuer,
    log,
    ...page,
    frontier,
    records: records.map((each) => readLogged(each, log)),
  }
  // Only the first page is recorded: a reader of a million records would add as many.
  return { answer, ...(from === 0 ? {} : { record: null }) }
}

export const listCheckpoints: Handler<"listCheckpoints"> = async ({ query: { log, from }, context }) => ({
  answer: {
    issuer: context.config.issuer,
    log,
    checkpoints: await context.env.RECORD_LOG.getByName(log).checkpoints(from),
  },
})

/** Until a checkpoint covers the record. Seconds. */
const RETRY_AFTER = 60

export const showReceipt: Handler<"showReceipt"> = async ({ parameters: { decision }, context }) =>
  receiptFor(decision, null, context)

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
  const result = await receiptFor(decision, task, context)
  return { ...result, record: { task, ...(caller.kind === "agent" ? recordedAgent(caller) : caller.permitted) } }
}

/** @param task to which the decision has to belong; null: any */
async function receiptFor(
  id: string,
  task: string | null,
  { env, config }: RequestContext,
): Promise<ApiAnswer<Answer<"showReceipt">> | ApiError<"not_found" | "unavailable">> {
  const found = await proveRecord(env, id)
  const denial = { reason: "not_found", what: id.slice(0, 64) } as const
  if (found === "pending") {
    const headers = { "Retry-After": String(RETRY_AFTER) }
    return { error: "not_found", description: "No checkpoint covers the record yet: ask again.", denial, headers }
  }
  if (!found || (task !== null && readStored(found).task !== task)) {
    return { error: "not_found", description: "There is no such decision record.", denial }
  }
  const signer = await ringSigner(env, "EdDSA")
  if (!signer) return { error: "unavailable", description: "No key could be read." }
  return {
    answer: { decision: id, receipt: await signReceipt(signer, config.issuer, receiptOf(id, found), Date.now()) },
  }
}

function receiptOf(decision: string, { log, body, salt, index, path, note }: FoundRecord): Receipt {
  const record = headOf(JSON.parse(body), salt)
  const proof = proofText({ index, path: path.flatMap((hash) => [base64ToBytes(hash) ?? new Uint8Array()]), note })
  const chain = record["chain"]
  const agent: unknown = Array.isArray(chain) ? chain.at(-1) : null
  return { decision, agent: typeof agent === "string" ? agent : null, record, log, proof }
}
