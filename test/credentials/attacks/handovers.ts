/** Hand-over of a bound task: by the key that it is bound to, to one agent and its key, for one token, once. */
import { ACCESS_TOKEN, openTask, type Form } from "../../harness/agents.ts"
import { knock } from "../../harness/door.ts"
import { svidOf } from "../../harness/besieged.ts"
import { attack, exchange, requestRefused, type Attack, type Attacks } from "../../harness/attacks.ts"
import { forge, newWeakSigner, twinOf, type Part, type Signer } from "../../harness/forge.ts"
import { agentId, US } from "../../harness/issuers.ts"
import { newProofKey, proofForToken, proofOf } from "../../harness/proofs.ts"
import { sha256Base64url } from "../../../src/core/encoding/hash.ts"

const giver = await newProofKey()
const taker = await newProofKey()
const thief = await newProofKey()
const weak = await newWeakSigner("weak", 1024, 65_537)
const now = (): number => Math.floor(Date.now() / 1000)
const bound = async (): Promise<string> => (await openTask("first", {}, await proofForToken(giver))).token

interface Changes {
  readonly header?: Readonly<Record<string, unknown>>
  readonly claims?: Readonly<Record<string, unknown>>
  readonly by?: Pick<Signer, "key">
  readonly alg?: string
  readonly respell?: (claims: string) => Part
}

async function handoverOf(token: string, { header, claims, by = giver, alg, respell }: Changes = {}): Promise<string> {
  const said = { aud: US, sub: agentId("second"), cnf: { jkt: taker.jkt }, ath: sha256Base64url(token) }
  const text = JSON.stringify({ ...said, jti: crypto.randomUUID(), iat: now(), ...claims })
  const head = { typ: "narrowgate-handover+jwt", alg: "ES256", jwk: giver.publicJwk, ...header }
  return forge(head, respell ? respell(text) : text, by, alg)
}

/** `second` takes over, by its own identity and with a proof of its own key. */
async function takeOver(token: string, handover: string, changed: Form = {}, key = taker): Promise<Request> {
  const subject = { subject_token: token, subject_token_type: ACCESS_TOKEN }
  const form = { ...subject, actor_token: await svidOf("second"), handover, ...changed }
  return exchange(form, { DPoP: await proofForToken(key) })
}

export const honestHandover = async (): Promise<Request> => {
  const token = await bound()
  return takeOver(token, await handoverOf(token))
}

/** Something else in the place of the hand-over. */
export const asHandover = async (token: string): Promise<Request> => takeOver(await bound(), token)

export const handoverRejected = (what: string) => requestRefused({ reason: "handover_rejected", what })
const changed = (what: string, changes: () => Changes): Attack =>
  attack(handoverRejected(what), async () => {
    const token = await bound()
    return takeOver(token, await handoverOf(token, changes()))
  })

async function used(request: Request): Promise<void> {
  const { status } = await knock(request)
  if (status !== 200) throw new Error(`the first use is refused: ${status}`)
}

export const handovers: Attacks = {
  none: attack(requestRefused({ reason: "handover_required" }), async () => takeOver(await bound(), "")),
  "no token at all": attack(handoverRejected("malformed: it is no compact JWS"), async () =>
    takeOver(await bound(), "handover"),
  ),
  "a DPoP proof of the giver": attack(handoverRejected("type_refused"), async () => {
    const token = await bound()
    return takeOver(token, await proofOf(giver, "POST", `${US}/oauth/token`, token))
  }),
  "of no type": changed("type_refused", () => ({ header: { typ: undefined } })),
  "of another type": changed("type_refused", () => ({ header: { typ: "JWT" } })),
  "by alg none": changed("algorithm_refused", () => ({ header: { alg: "none" } })),
  "by HS256": changed("algorithm_refused", () => ({ header: { alg: "HS256" } })),
  "without its key": changed("key_refused", () => ({ header: { jwk: undefined } })),
  "with its private key": changed("key_refused", () => ({ header: { jwk: giver.privateJwk } })),
  "with a symmetric key": changed("key_refused", () => ({ header: { jwk: { kty: "oct", k: "AAAA" } } })),
  "by a weak key": changed("key_refused", () => ({
    by: weak,
    alg: "RS256",
    header: { alg: "RS256", jwk: weak.publicJwk },
  })),
  "with the giver's key, signed by another": changed("signature_invalid", () => ({ by: thief })),
  "by the taker's own key": changed("another key", () => ({ by: taker, header: { jwk: taker.publicJwk } })),
  "by a thief's key": changed("another key", () => ({ by: thief, header: { jwk: thief.publicJwk } })),
  "that names its key's address": changed("header_refused", () => ({ header: { jku: "https://evil.test/keys" } })),
  "with an extension that must be understood": changed("header_refused", () => ({ header: { crit: ["x"], x: 1 } })),
  "for another server": changed("aud", () => ({ claims: { aud: "https://other.test" } })),
  "for us and another": changed("aud", () => ({ claims: { aud: [US, "https://other.test"] } })),
  "for nobody": changed("claim_missing", () => ({ claims: { aud: undefined } })),
  "to another agent": changed("sub", () => ({ claims: { sub: agentId("third") } })),
  "to whoever comes": changed("sub", () => ({ claims: { sub: "*" } })),
  "to nobody": changed("claim_missing", () => ({ claims: { sub: undefined } })),
  "to another key": changed("cnf", () => ({ claims: { cnf: { jkt: thief.jkt } } })),
  "to the giver's key": changed("cnf", () => ({ claims: { cnf: { jkt: giver.jkt } } })),
  "to no key": changed("claim_missing", () => ({ claims: { cnf: undefined } })),
  "to a key and more": changed("claim_missing", () => ({ claims: { cnf: { jkt: taker.jkt, kid: "x" } } })),
  "of no token": changed("claim_missing", () => ({ claims: { ath: undefined } })),
  "of another token": changed("ath", () => ({ claims: { ath: sha256Base64url("another") } })),
  "of no name": changed("claim_missing", () => ({ claims: { jti: undefined } })),
  "of an empty name": changed("claim_missing", () => ({ claims: { jti: "" } })),
  "of a name too long": changed("claim_missing", () => ({ claims: { jti: "j".repeat(257) } })),
  "of no time": changed("claim_missing", () => ({ claims: { iat: undefined } })),
  "whose time is a text": changed("claim_missing", () => ({ claims: { iat: String(now()) } })),
  "of ten minutes ago": changed("iat", () => ({ claims: { iat: now() - 600 } })),
  "of five minutes ago and a second": changed("iat", () => ({ claims: { iat: now() - 302 } })),
  "of a minute ahead": changed("iat", () => ({ claims: { iat: now() + 60 } })),
  "that has expired": changed("expired", () => ({ claims: { exp: now() - 1 } })),
  "with a claim twice": changed(
    "malformed: its claims: it has a key twice, or two that some readers take for one",
    () => ({ respell: (text) => `{"sub":"x",${text.slice(1)}` }),
  ),
  "shown by another agent": attack(handoverRejected("sub"), async () => {
    const token = await bound()
    return takeOver(token, await handoverOf(token), { actor_token: await svidOf("third") })
  }),
  "shown with another key": attack(handoverRejected("cnf"), async () => {
    const token = await bound()
    return takeOver(token, await handoverOf(token), {}, thief)
  }),
  "shown without a key": attack(requestRefused({ reason: "key_required" }), async () => {
    const token = await bound()
    const subject = { subject_token: token, subject_token_type: ACCESS_TOKEN }
    return exchange({ ...subject, actor_token: await svidOf("second"), handover: await handoverOf(token) })
  }),
  "used before": attack(handoverRejected("used_before"), async () => {
    const token = await bound()
    const handover = await handoverOf(token)
    await used(await takeOver(token, handover))
    return takeOver(token, handover)
  }),
  "used before, with its signature's twin": attack(handoverRejected("used_before"), async () => {
    const token = await bound()
    const handover = await handoverOf(token)
    await used(await takeOver(token, handover))
    return takeOver(token, twinOf(handover))
  }),
}
