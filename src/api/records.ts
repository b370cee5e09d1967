/** `/v1/records`: the logs of decision records in their order, and what proves them. */
import { proveRecord, type FoundRecord } from "../audit/record-logs.ts"
import { base64ToBytes } from "../core/encoding/base64.ts"
import { bytesOfBase64url } from "../core/encoding/base64url.ts"
import { proofText } from "../core/proof/checkpoint.ts"
import { headOf } from "../core/proof/leaf.ts"
import { readLogged } from "../core/record/record.ts"
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
  const answer = { issuer: context.config.issuer, log, ...page, records: records.map((each) => readLogged(each, log)) }
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

export const showReceipt: Handler<"showReceipt"> = async ({ parameters: { decision: id }, context }) => {
  const { env, config } = context
  const found = await proveRecord(env, id)
  const denial = { reason: "not_found", what: id.slice(0, 64) } as const
  if (found === "pending") {
    const headers = { "Retry-After": String(RETRY_AFTER) }
    return { error: "not_found", description: "No checkpoint covers the record yet: ask again.", denial, headers }
  }
  if (!found) return { error: "not_found", description: "There is no such decision record.", denial }
  const signer = await ringSigner(env, "EdDSA")
  if (!signer) return { error: "unavailable", description: "No key could be read." }
  return {
    answer: { decision: id, receipt: await signReceipt(signer, config.issuer, receiptOf(id, found), Date.now()) },
  }
}

function receiptOf(decision: string, { log, body, salt, index, path, note }: FoundRecord): Receipt {
  const record = headOf(JSON.parse(body), salt === null ? null : bytesOfBase64url(salt))
  const proof = proofText({ index, path: path.flatMap((hash) => [base64ToBytes(hash) ?? new Uint8Array()]), note })
  const chain = record["chain"]
  const agent: unknown = Array.isArray(chain) ? chain.at(-1) : null
  return { decision, agent: typeof agent === "string" ? agent : null, record, log, proof }
}
