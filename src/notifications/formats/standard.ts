/**
 * The format `standard`: JSON, signed as Standard Webhooks 1.0 has it, by each key of the receiver's secret, so that one
 * can follow another without a gap. `text` says the same to people, for tools that show it.
 */
import { Webhook } from "standardwebhooks"
import type { ReceiverDefinition } from "../../core/policy/definition/receivers.ts"
import type { FormatError, FormatContext, Message } from "./message.ts"
import type { Notice, NoticeData } from "../../core/notices/notice.ts"
import { nameOfStopped, textOf, toldOf, urlOf } from "./text.ts"

/** Bytes of a key. */
const [LEAST, MOST] = [24, 64]
/** More at once than any change of keys takes. */
const MOST_KEYS = 4

export function standardMessage(
  { url }: Extract<ReceiverDefinition, { readonly format: "standard" }>,
  notice: Notice,
  { issuer, secret, now }: FormatContext,
): Message | FormatError {
  if (secret === null) return { hindrance: "secret_missing" }
  const keys = keysOf(secret)
  if (!keys) return { hindrance: "secret_malformed" }
  const { id, type, at, decision, data } = notice
  const body = JSON.stringify({
    type,
    timestamp: new Date(at).toISOString(),
    data: { ...dataOf(data, issuer), decision },
    text: textOf(toldOf(notice, issuer)),
  })
  const tried = new Date(now)
  const headers = {
    "content-type": "application/json",
    "webhook-id": id,
    "webhook-timestamp": String(Math.floor(now / 1000)),
    "webhook-signature": keys.map((key) => new Webhook(key).sign(id, tried, body)).join(" "),
  }
  return { url, headers, body }
}

/** Null where one of them is none: a signature by a guess at it would be none either. */
function keysOf(secret: string): readonly string[] | null {
  const keys = secret.trim().split(/ +/)
  return keys.length <= MOST_KEYS && keys.every(isKey) ? keys : null
}

function isKey(key: string): boolean {
  const [, encoded] = /^whsec_([A-Za-z0-9+/]+={0,2})$/.exec(key) ?? []
  if (encoded === undefined || encoded.length % 4 !== 0) return false
  const bytes = atob(encoded).length
  return bytes >= LEAST && bytes <= MOST
}

/** In the words of /v1/approvals and of records. */
function dataOf(data: NoticeData, issuer: string): Readonly<Record<string, unknown>> {
  if (data.kind === "switch") {
    const { switch: id, stopped, before, operator } = data
    return { kind: stopped.kind, id, name: nameOfStopped(stopped), before: before && before / 1000, operator }
  }
  if (data.kind === "end") {
    return { ...data, kind: "task" }
  }
  const url = urlOf(data, issuer)
  const { expiresAt: expires_at, answer, ...told } = data
  const said = answer && { approved: answer.approved, answered_by: answer.by }
  if (told.kind === "task") {
    const { bindingMessage: binding_message, ...rest } = told
    return { ...rest, binding_message, expires_at, ...said, url }
  }
  const { arguments: text, approval: id, ...rest } = told
  const shown: unknown = text === null ? undefined : JSON.parse(text)
  return { ...rest, id, ...(shown !== undefined && { arguments: shown }), expires_at, ...said, url }
}
