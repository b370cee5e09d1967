/**
 * At `/v1/tasks/:id`: who may ask about a task or end it is its own agent, by a live token of it and its key, or an
 * operator.
 */
import type { Denial } from "../../../src/core/denials/denial.ts"
import { openTask } from "../../harness/agents.ts"
import { knock } from "../../harness/door.ts"
import { accessTokenOf, idTokenOf, svidOf } from "../../harness/besieged.ts"
import { attack, operatorRefused, type Attacks, type Expected, type Headers } from "../../harness/attacks.ts"
import { idToken, US } from "../../harness/issuers.ts"
import { newProofKey, proofForToken, proofOf } from "../../harness/proofs.ts"

const holder = await newProofKey()
let logins = 0
/** By a login of its own each time: with the same one it would be the same task, which another attack may end. */
const bound = async () => {
  const claims = { auth_time: Math.floor(Date.now() / 1000) - ++logins }
  return openTask("first", { subject_token: await idToken("alice", { claims }) }, await proofForToken(holder))
}

const refused = (because: Denial): Expected => ({
  status: 401,
  code: "invalid_token",
  denial: { reason: "operator_rejected", because },
})
const notFound = (what: string): Expected => ({ status: 404, code: "not_found", denial: { reason: "not_found", what } })

const uriOf = (task: string): string => `${US}/v1/tasks/${task}`
const look = (task: string, headers: Headers): Request => new Request(uriOf(task), { headers })
const end = (task: string, headers: Headers): Request =>
  new Request(`${uriOf(task)}/complete`, { method: "POST", headers })

async function used(request: Request): Promise<Request> {
  const again = request.clone()
  const { status } = await knock(request)
  if (status !== 200) throw new Error(`the first use is refused: ${status}`)
  return again
}

async function proven(method: "GET" | "POST", uri = uriOf) {
  const { task, token } = await bound()
  const url = method === "GET" ? uri(task) : `${uri(task)}/complete`
  const headers = { Authorization: `DPoP ${token}`, DPoP: await proofOf(holder, method, url, token) }
  return method === "GET" ? look(task, headers) : end(task, headers)
}

export const tasks: Attacks = {
  "a bound token without its proof": attack(refused({ reason: "binding_required" }), async () => {
    const { task, token } = await bound()
    return look(task, { Authorization: `Bearer ${token}` })
  }),
  "an end by a bound token without its proof": attack(refused({ reason: "binding_required" }), async () => {
    const { task, token } = await bound()
    return end(task, { Authorization: `Bearer ${token}` })
  }),
  "a proof by another key": attack(refused({ reason: "proof_rejected", what: "another key" }), async () => {
    const { task, token } = await bound()
    const proof = await proofOf(await newProofKey(), "GET", uriOf(task), token)
    return look(task, { Authorization: `DPoP ${token}`, DPoP: proof })
  }),
  "a proof of looking, to end": attack(refused({ reason: "proof_rejected", what: "htm" }), async () => {
    const { task, token } = await bound()
    return end(task, { Authorization: `DPoP ${token}`, DPoP: await proofOf(holder, "GET", uriOf(task), token) })
  }),
  "a proof for the host that the request names": attack(
    refused({ reason: "proof_rejected", what: "htu" }),
    async () => {
      const { task, token } = await bound()
      const path = `/v1/tasks/${task}`
      const proof = await proofOf(holder, "GET", `https://evil.test${path}`, token)
      return new Request(`https://evil.test${path}`, { headers: { Authorization: `DPoP ${token}`, DPoP: proof } })
    },
  ),
  "a proof to end, used before": attack(refused({ reason: "proof_replayed" }), async () => used(await proven("POST"))),
  "a proof to look, used before": attack(refused({ reason: "proof_replayed" }), async () => used(await proven("GET"))),
  "an unbound token with a proof": attack(refused({ reason: "binding_absent" }), async () => {
    const { task, token } = await openTask()
    return look(task, { Authorization: `DPoP ${token}`, DPoP: await proofOf(holder, "GET", uriOf(task), token) })
  }),
  "a session": attack(operatorRefused({ reason: "type_refused", typ: "jwt" }), async () =>
    look((await openTask()).task, { Authorization: `Bearer ${await idTokenOf("alice")}` }),
  ),
  "the app's access token": attack(operatorRefused({ reason: "client_mismatch", got: "app" }), async () =>
    end((await openTask()).task, { Authorization: `Bearer ${await accessTokenOf("operator", "app")}` }),
  ),
  "the agent's own identity": attack(operatorRefused({ reason: "issuer_unknown", iss: null }), async () =>
    end((await openTask()).task, { Authorization: `Bearer ${await svidOf("first")}` }),
  ),
  "a viewer who ends": attack(
    { status: 403, code: "policy_denied", denial: { reason: "role_missing", what: "operator" } },
    async () => end((await openTask()).task, { Authorization: `Bearer ${await accessTokenOf("viewer", "cli")}` }),
  ),
  "a task that is none": attack(notFound("' OR 1=1--"), async () =>
    look(encodeURIComponent("' OR 1=1--"), { Authorization: `Bearer ${(await openTask()).token}` }),
  ),
}
