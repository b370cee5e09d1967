/**
 * The format `set`: pushes an ended task or a suspension as a Security Event Token (RFC 8417, RFC 8935). Nobody can use it as
 * an access token: it has its own `typ`, `sub_id` instead of `sub`, no `exp`, and an audience that no delegation token has.
 */
import { SignJWT } from "jose"
import type { Signer } from "../../signing/signing-key.ts"
import type { ReceiverDefinition } from "../../core/policy/definition/receivers.ts"
import type { FormatError, FormatContext, Message } from "./message.ts"
import type { Notice } from "../../core/notices/notice.ts"
import { setEventOf, type SetEvent } from "../../core/notices/caep-event.ts"

export const MEDIA_TYPE = "application/secevent+jwt"
const TYPE = "secevent+jwt"

/** RFC 6750, section 2.1. */
const BEARER_KEY = /^[\w.~+/-]{16,1024}=*$/

export async function setMessage(
  { url, audience, bearer }: Extract<ReceiverDefinition, { readonly format: "set" }>,
  notice: Notice,
  { issuer, secret, signer }: FormatContext,
): Promise<Message | FormatError> {
  if (bearer && secret === null) return { hindrance: "secret_missing" }
  if (bearer && !BEARER_KEY.test(secret ?? "")) return { hindrance: "secret_malformed" }
  const setEvent = setEventOf(notice, issuer)
  if (!setEvent) return { hindrance: "not_a_signal" }
  const key = await signer()
  if (!key) return { hindrance: "key_unavailable" }
  const body = await sign(key, setEvent, notice, issuer, audience)
  const headers = {
    "content-type": MEDIA_TYPE,
    accept: "application/json",
    ...(bearer && { authorization: `Bearer ${secret}` }),
  }
  return { url, headers, body }
}

/** Each attempt has the same claims: a receiver cannot accept two tokens with one `jti` that differ. */
async function sign(
  { kid, alg, key }: Signer,
  { type, subject, claims }: SetEvent,
  { id, at, decision }: Notice,
  issuer: string,
  audience: string,
): Promise<string> {
  return new SignJWT({ sub_id: subject, txn: decision, events: { [type]: claims } })
    .setProtectedHeader({ alg, kid, typ: TYPE })
    .setIssuer(issuer)
    .setAudience(audience)
    .setJti(id)
    .setIssuedAt(Math.floor(at / 1000))
    .sign(key)
}
