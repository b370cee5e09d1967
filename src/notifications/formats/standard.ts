/**
 * The format `standard`: JSON, signed by Standard Webhooks 1.0 with each key of the receiver's secret, so that a key can be
 * replaced without a gap. `text` says the same to people, for tools that show it.
 */
import { Webhook } from "standardwebhooks"
import type { ReceiverDefinition } from "../../core/policy/definition/receivers.ts"
import type { FormatError, FormatContext, Message } from "./message.ts"
import type { Notice, NoticeData } from "../../core/notices/notice.ts"
import { nameOfSuspended, textOf, noticeText, urlOf } from "./text.ts"

/** The least and the most bytes of a key. */
const [LEAST, MOST] = [24, 64]
/** The most keys at a time; a rotation needs two. */
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
    text: textOf(noticeText(notice, issuer)),
  })
  const attemptedAt = new Date(now)
  const headers = {
    "content-type": "application/json",
    "webhook-id": id,
    "webhook-timestamp": String(Math.floor(now / 1000)),
    "webhook-signature": keys.map((key) => new Webhook(key).sign(id, attemptedAt, body)).join(" "),
  }
  return { url, headers, body }
}

/** Null if one of them is malformed: a signature with a guessed key would be useless. */
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

/** The data, with the member names of /v1/approvals and of records. */
function dataOf(data: NoticeData, issuer: string): Readonly<Record<string, unknown>> {
  if (data.kind === "switch") {
    const { switch: id, stopped, before, operator } = data
    return { kind: stopped.kind, id, name: nameOfSuspended(stopped), before: before && before / 1000, operator }
  }
  if (data.kind === "end") {
    return { ...data, kind: "task" }
  }
  const url = urlOf(data, issuer)
  const { expiresAt: expires_at, answer, ...approval } = data
  const votes = answer && { approved: answer.approved, answered_by: answer.by }
  if (approval.kind === "task") {
    const { bindingMessage: binding_message, ...rest } = approval
    return { ...rest, binding_message, expires_at, ...votes, url }
  }
  const { arguments: text, approval: id, ...rest } = approval
  const parsed: unknown = text === null ? undefined : JSON.parse(text)
  return { ...rest, id, ...(parsed !== undefined && { arguments: parsed }), expires_at, ...votes, url }
}
