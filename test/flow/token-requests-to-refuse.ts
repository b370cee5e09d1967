/** Token requests that must be refused: each reason that there is, with every way to it that a test can take. */
import { decodeJwt } from "jose"
import { vi } from "vitest"
import { recordOf as recordStart } from "../../src/core/record/record.ts"
import type { OAuthError } from "../../src/core/denials/oauth-error.ts"
import { Ledger } from "../../src/ledger/ledger.ts"
import { forgetSwitches } from "../../src/revocation/lease.ts"
import { Switchboard } from "../../src/revocation/switchboard.ts"
import {
  childForm,
  exchangeForm,
  JWT_BEARER_GRANT,
  openChild,
  openTask,
  postForm,
  postToken,
  type Form,
  type TokenAnswer,
} from "../harness/agents.ts"
import { codeFor, redeem, refreshBy } from "../harness/browser.ts"
import { publish, yard } from "../harness/bundles.ts"
import { forgetCaches } from "../harness/isolate.ts"
import { agentId, idJag, idToken, secondProvidersToken, stranger, svid } from "../harness/issuers.ts"
import { bearerOf, complete, manage } from "../harness/management.ts"
import { handoverOf, newProofKey, proofForToken, type Changes, type ProofKey } from "../harness/proofs.ts"
import { stop } from "../harness/switches.ts"
import { ledgerOf } from "../harness/ledgers.ts"

type Try = () => Promise<TokenAnswer>

export const changed = (more: Form, headers: Readonly<Record<string, string>> = {}): Try => {
  return async () => postForm({ ...(await exchangeForm("first")), ...more }, headers)
}
/** With an assertion in place of a session. */
const asserted = (assertion: string, more: Form = {}): Try =>
  changed({ grant_type: JWT_BEARER_GRANT, assertion, subject_token: undefined, subject_token_type: undefined, ...more })
const FORM = { "Content-Type": "application/x-www-form-urlencoded" }
const details = (json: unknown): Try => changed({ authorization_details: JSON.stringify(json) })
const tools = { type: "narrowgate_call", tools: ["files.*"], actions: ["read"] }

/** Ahead of the session that opened the task, by less than clocks may differ. */
const fresher = () => ({ claims: { auth_time: Math.floor(Date.now() / 1000) + 20 } })

/** What `first` sends with a fresher session of its task's user. */
async function freshen(task: string, session: string): Promise<TokenAnswer> {
  return changed({ subject_token: session, task })()
}

type Right = (by: ProofKey) => Promise<string>
interface Hands {
  readonly parent: ProofKey
  readonly child: ProofKey
  /** The same request with another hand-over. */
  readonly again: (handover: string) => Promise<TokenAnswer>
}

/** A bound task's token in the hands of `second`, with a hand-over that is right but for `changes`. */
export function handedOver(
  changes: Changes,
  make: (right: Right, hands: Hands) => Promise<string> | string = (right, { parent }) => right(parent),
): Try {
  return async () => {
    const [parent, child] = [await newProofKey(), await newProofKey()]
    const { token } = await openTask("first", {}, await proofForToken(parent))
    const to = { agent: agentId("second"), jkt: child.jkt, token }
    const ask = async (handover: string): Promise<TokenAnswer> =>
      postForm({ ...(await childForm(token, "second")), handover }, { DPoP: await proofForToken(child) })
    const right: Right = async (by) => handoverOf(by, to, changes)
    return ask(await make(right, { parent, child, again: ask }))
  }
}

const CODE = { grant_type: "authorization_code", code_verifier: "v".repeat(43) }

/**
 * Those take a person, at their browser or elsewhere, and time: authorization-code.test.ts and consent.test.ts have them.
 * Or a class of clients that register themselves: registered-clients.test.ts.
 */
type OfConsent =
  | "metadata_refused"
  | "registered_uri_refused"
  | "registration_gone"
  | "registration_limit"
  | "client_unknown"
  | "client_document_refused"
  | "redirect_uri_refused"
  | "request_object_refused"
  | "response_type_unsupported"
  | "form_refused"
  | "person_refused"
  | "consent_pending"
  | "polled_too_soon"
  | "consent_refused"
  | "consent_expired"
  | "binding_message_refused"
  | "user_unknown"

/** Every other reason that there is, each with every way to it that an attacker or a careless client would find. */
export const TRIES: Readonly<Record<Exclude<OAuthError["reason"], OfConsent>, Readonly<Record<string, Try>>>> = {
  consent_required: {
    "what policy keeps for it": changed({ purpose: "work", scope: "safe.burn:execute" }),
  },
  consent_unknown: {
    "a request that nobody made": changed({
      grant_type: "urn:openid:params:grant-type:ciba",
      auth_req_id: `tsk_01JZZZZZZZZZZZZ${"0".repeat(21)}.${"A".repeat(43)}`,
    }),
    "a task of the agent's": async () =>
      changed({
        grant_type: "urn:openid:params:grant-type:ciba",
        auth_req_id: `${(await openTask()).task}.${"A".repeat(43)}`,
      })(),
    "no request at all": changed({ grant_type: "urn:openid:params:grant-type:ciba", auth_req_id: "1" }),
  },
  grant_refused: {
    "a code that nobody was given": changed({
      ...CODE,
      code: `tsk_01JZZZZZZZZZZZZ${"0".repeat(21)}.${"A".repeat(43)}`,
    }),
    "no code at all": changed({ ...CODE, code: "1" }),
    "a task of the agent's": async () => changed({ ...CODE, code: `${(await openTask()).task}.${"A".repeat(43)}` })(),
    "a refresh token that nobody was given": changed({
      grant_type: "refresh_token",
      refresh_token: `tsk_01JZZZZZZZZZZZZ${"0".repeat(21)}.${"A".repeat(43)}.${"A".repeat(43)}`,
    }),
    "no refresh token at all": changed({ grant_type: "refresh_token", refresh_token: "1" }),
  },
  request_malformed: {
    "a verifier that is too short": changed({ ...CODE, code: "1", code_verifier: "a" }),
    "no form": async () => postToken('{"grant_type":"client_credentials"}', { "Content-Type": "application/json" }),
    "no content type": async () => postToken("grant_type=client_credentials", { "Content-Type": "" }),
    "too long": async () => postToken(`x=${"a".repeat(70_000)}`, FORM),
  },
  parameter_repeated: {
    grant_type: changed({ grant_type: ["client_credentials", "client_credentials"] }),
    subject_token: async () => changed({ subject_token: [await idToken("alice"), await idToken("bob")] })(),
    "one that nobody knows": changed({ unknown: ["1", "2"] }),
  },
  parameter_missing: {
    grant_type: changed({ grant_type: undefined }),
    "an empty one is as if absent": changed({ grant_type: "" }),
    subject_token: changed({ subject_token: undefined }),
    subject_token_type: changed({ subject_token_type: undefined }),
    actor_token_type: changed({ actor_token_type: undefined }),
    assertion: changed({ grant_type: JWT_BEARER_GRANT }),
    code: changed(CODE),
    code_verifier: changed({ ...CODE, code: "1", code_verifier: undefined }),
    refresh_token: changed({ grant_type: "refresh_token" }),
    "actor_token, its type being there": changed({ actor_token: undefined }),
  },
  grant_type_unsupported: {
    "a password": changed({ grant_type: "password" }),
    "one in another spelling": changed({ grant_type: "CLIENT_CREDENTIALS" }),
  },
  token_type_unsupported: {
    "subject: saml2": changed({ subject_token_type: "urn:ietf:params:oauth:token-type:saml2" }),
    "actor: access token": changed({ actor_token_type: "urn:ietf:params:oauth:token-type:access_token" }),
    "requested: refresh token": changed({ requested_token_type: "urn:ietf:params:oauth:token-type:refresh_token" }),
  },
  agent_unauthenticated: {
    "no identity": changed({ actor_token: undefined, actor_token_type: undefined }),
    "by a user's token": async () => changed({ actor_token: await idToken("alice") })(),
    "by a delegation token": async () => changed({ actor_token: (await openTask()).token })(),
    "an assertion without its type": async () => changed({ client_assertion: await svid("first") })(),
    "another signature": async () => changed({ actor_token: await svid("first", { signer: stranger }) })(),
    "another trust domain": async () => changed({ actor_token: await svid("spiffe://evil.test/agent/first") })(),
    "another audience too": async () =>
      changed({
        actor_token: await svid("first", { claims: { aud: ["https://authz.example", "https://other.test"] } }),
      })(),
    expired: async () => changed({ actor_token: await svid("first", { claims: { exp: 1_000_000_000 } }) })(),
    "no expiry": async () => changed({ actor_token: await svid("first", { claims: { exp: undefined } }) })(),
    "another client_id": changed({ client_id: agentId("second") }),
  },
  agent_unregistered: {
    "a workload that nobody registered": async () => changed({ actor_token: await svid("nobody") })(),
  },
  agents_differ: {
    "actor and client": async () =>
      changed({
        client_assertion: await svid("second"),
        client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
      })(),
  },
  subject_rejected: {
    "not signed by its issuer": async () => changed({ subject_token: await idToken("alice", { signer: stranger }) })(),
    "an unknown issuer": async () =>
      changed({ subject_token: await idToken("alice", { claims: { iss: "https://x.test" } }) })(),
    "another client's": async () => changed({ subject_token: await idToken("alice", { claims: { aud: "other" } }) })(),
    "a workload's": async () => changed({ subject_token: await svid("first") })(),
    // Clocks of others may be off, by which it is let in; by ours, which says how long a task lives, it is over.
    "one that has ended a moment ago": async () => {
      const exp = Math.floor(Date.now() / 1000) - 5
      return changed({ subject_token: await idToken("alice", { claims: { exp } }) })()
    },
    "a delegation token said to be an ID token": async () => changed({ subject_token: (await openTask()).token })(),
  },
  assertion_rejected: {
    "no JWT": asserted("assertion"),
    "a user's session": async () => asserted(await idToken("alice"))(),
    "an agent's identity": async () => asserted(await svid("first"))(),
    "not signed by its issuer": async () => asserted(await idJag("alice", { signer: stranger }))(),
    "another agent's": async () => asserted(await idJag("alice", { claims: { client_id: agentId("second") } }))(),
    "used before": async () => {
      const assertion = await idJag("alice")
      await asserted(assertion)()
      return asserted(assertion)()
    },
  },
  proof_rejected: {
    "no JWS": changed({}, { DPoP: "proof" }),
    "for another endpoint": async () => {
      const proof = await proofForToken(await newProofKey(), { claims: { htu: "https://authz.example/oauth/revoke" } })
      return changed({}, { DPoP: proof })()
    },
    two: async () => {
      const proof = await proofForToken(await newProofKey())
      return changed({}, { DPoP: `${proof}, ${proof}` })()
    },
  },
  key_required: {
    "an agent that must prove a key": async () => postForm(await exchangeForm("bound")),
  },
  instance_unproven: {
    "a task for nobody of an agent with partitions, by its identity alone": async () => {
      const body = await yard()
      const agents = body.agents.map((each) => (each.id === agentId("first") ? { ...each, partitions: 2 } : each))
      await publish({ ...body, agents }, 2)
      forgetCaches()
      const nothing = { subject_token: undefined, subject_token_type: undefined }
      return changed({ grant_type: "client_credentials", ...nothing })()
    },
  },
  key_differs: {
    "a fresher session for a bound task, without its key": async () => {
      const { task } = await openTask("first", {}, await proofForToken(await newProofKey()))
      return freshen(task, await idToken("alice", fresher()))
    },
    "renewal of a bound token with another key": async () => {
      const task = await openTask("first", {}, await proofForToken(await newProofKey()))
      return postForm(await childForm(task.token, "first"), { DPoP: await proofForToken(await newProofKey()) })
    },
    "renewal by an older token, from before the task was bound, with another key or with none": async () => {
      const { token } = await openTask("first")
      await openChild(token, "first", {}, await proofForToken(await newProofKey()))
      const none = await postForm(await childForm(token, "first"))
      if (none.issued) return none
      return postForm(await childForm(token, "first"), { DPoP: await proofForToken(await newProofKey()) })
    },
    "renewal of a bound token without a key: it would no longer be bound": async () => {
      const task = await openTask("first", {}, await proofForToken(await newProofKey()))
      return postForm(await childForm(task.token, "first"))
    },
  },
  handover_required: {
    "a bound token in another agent's hands": async () => {
      const holder = await newProofKey()
      const task = await openTask("first", {}, await proofForToken(holder))
      return postForm(await childForm(task.token, "second"), { DPoP: await proofForToken(holder) })
    },
  },
  handover_rejected: {
    "not signed": handedOver({}, () => "handover"),
    "by the child's own key": handedOver({}, (right, { child }) => right(child)),
    "by anybody's key": handedOver({}, async (right) => right(await newProofKey())),
    "for another agent": handedOver({ claims: { sub: agentId("third") } }),
    "for another key": handedOver({ claims: { cnf: { jkt: "x" } } }),
    "for no key": handedOver({ claims: { cnf: undefined } }),
    "of another token": handedOver({ claims: { ath: "x" } }),
    "for another audience": handedOver({ claims: { aud: "https://other.test" } }),
    "for us and others": handedOver({ claims: { aud: ["https://authz.example", "https://other.test"] } }),
    "too old": handedOver({ claims: { iat: 1_000_000_000 } }),
    "from the future": handedOver({ claims: { iat: 4_000_000_000 } }),
    "without jti": handedOver({ claims: { jti: undefined } }),
    "a DPoP proof": handedOver({ header: { typ: "dpop+jwt" } }),
    "used before": handedOver({}, async (right, { parent, again }) => {
      const handover = await right(parent)
      await again(handover)
      return handover
    }),
  },
  audience_unknown: {
    "a gateway's, but none of the agent's": async () =>
      postForm({ ...(await exchangeForm("third")), audience: "https://elsewhere.test/" }),
    "not a gateway's": changed({ audience: "https://evil.test/" }),
    "the beginning of a gateway's": changed({ audience: "https://api.te" }),
    "none named, of two": changed({ audience: undefined }),
    two: changed({ audience: ["https://api.test/", "https://elsewhere.test/"] }),
    "resource and audience that differ": changed({ resource: "https://elsewhere.test/" }),
  },
  audience_ambiguous: {
    "an MCP server behind gateways of two": changed({ audience: undefined, resource: "https://api.test/desk/mcp" }),
    "the same twice": changed({
      audience: undefined,
      resource: ["https://api.test/desk/mcp", "https://api.test/desk/mcp"],
    }),
  },
  // Each way to a token of a task, with codes and refresh tokens: test/promises/audience-as-consented.test.ts.
  audience_differs: {
    "a fresher session for a task of another": async () => {
      const { task } = await openTask("first", { audience: "https://elsewhere.test/" })
      return freshen(task, await idToken("alice", fresher()))
    },
    "renewal of a token for another": async () => {
      const { token } = await openTask("first", { audience: "https://elsewhere.test/" })
      return postForm(await childForm(token, "first"))
    },
    "a child of a task of another": async () => {
      const { token } = await openTask("first", { audience: "https://elsewhere.test/" })
      return postForm(await childForm(token, "second"))
    },
  },
  scope_malformed: {
    "no action": changed({ scope: "files.read" }),
    "another action": changed({ scope: "files.read:delete" }),
    "a wildcard inside": changed({ scope: "files.*.x:read" }),
    "too many": changed({ scope: Array.from({ length: 257 }, (_, index) => `a.t${index}:read`).join(" ") }),
  },
  details_malformed: {
    "not JSON": changed({ authorization_details: "{" }),
    "of another type": details([{ ...tools, type: "payment" }]),
    "several purposes": details([
      { ...tools, purpose: "work" },
      { ...tools, tools: ["desk.*"], purpose: "errand" },
    ]),
    "a purpose that differs from the parameter": changed({
      scope: undefined,
      purpose: "work",
      authorization_details: JSON.stringify([{ ...tools, purpose: "errand" }]),
    }),
    none: details([]),
    "an unknown member": details([{ ...tools, until: 1 }]),
    "an unknown bound": details([{ ...tools, arguments: { file: { matches: ".*" } } }]),
    "an action more often than there are actions": details([{ ...tools, actions: ["read", "read", "read", "read"] }]),
    "more tools and actions than scopes may be": details(
      [0, 1].map((part) => ({ ...tools, tools: Array.from({ length: 129 }, (_, index) => `a.b${part}x${index}`) })),
    ),
    "longer than they may be": changed({ authorization_details: JSON.stringify([tools]).padEnd(4_097) }),
    "bounds of more arguments than may be": details([
      { ...tools, arguments: Object.fromEntries(Array.from({ length: 33 }, (_, index) => [`a${index}`, { eq: 1 }])) },
    ]),
    "bounds of an argument whose name is too long": details([
      { ...tools, arguments: { ["a".repeat(129)]: { eq: 1 } } },
    ]),
    "a bound of more values than may be": details([
      { ...tools, arguments: { file: { in: Array.from({ length: 65 }, (_, index) => index) } } },
    ]),
    "a bound that is too long": details([{ ...tools, arguments: { file: { eq: "a".repeat(257) } } }]),
    "no calls": details([{ ...tools, calls: 0 }]),
    "a member twice": changed({
      authorization_details: '[{"type":"narrowgate_call","tools":["files.*"],"actions":["read"],"calls":1,"calls":99}]',
    }),
    "scope as well": changed({ scope: "files.*:read", authorization_details: JSON.stringify([tools]) }),
  },
  purpose_not_allowed: {
    "another agent's": changed({ purpose: "alone" }),
    "nobody's": changed({ purpose: "world domination" }),
    "a name that every object has": changed({ purpose: "constructor" }),
  },
  delegation_not_allowed: {
    "to an agent that the giver does not name": async () =>
      postForm(await childForm((await openTask()).token, "third")),
  },
  too_deep: {
    "one level more than the last giver allows": async () => {
      const root = await openTask()
      const second = await openChild(root.token, "second")
      const third = await openChild(second.token, "third")
      const fourth = await openChild(third.token, "fourth")
      return postForm(await childForm(fourth.token, "first"))
    },
  },
  task_unknown: {
    "a fresher session for a task that never was": async () =>
      freshen(`tsk_01JZZZZZZZZZZZZ${"0".repeat(21)}`, await idToken("alice", fresher())),
    "for what is no task": async () => freshen("tsk_1", await idToken("alice", fresher())),
  },
  parent_token_unknown: {
    "a token that was revoked": async () => {
      const { token } = await openTask()
      const { task, jti = "" } = decodeJwt<{ task: string }>(token)
      const record = recordStart({ id: "dec_x", at: Date.now(), kind: "end" })
      await ledgerOf(task).revokeToken(jti, task, null, record)
      return postForm(await childForm(token, "second"))
    },
  },
  details_ambiguous: {
    "the same twice": details([tools, tools]),
    "two objects about one tool": changed({
      scope: undefined,
      authorization_details: JSON.stringify([
        { type: "narrowgate_call", tools: ["files.*"], actions: ["read"], arguments: { file: { eq: "a" } } },
        { type: "narrowgate_call", tools: ["files.read"], actions: ["read"] },
      ]),
    }),
  },
  too_many_tasks: {
    "more alive than may be": async () => {
      for (let index = 0; index < 2; index++) await openTask("crowded")
      return postForm(await exchangeForm("crowded"))
    },
  },
  purpose_quarantined: {
    "a task beside a quarantined one": async () => {
      const { task } = await openTask()
      await manage("POST", `/v1/tasks/${task}/quarantine`, await bearerOf("operator"))
      return postForm(await exchangeForm("first"))
    },
  },
  parent_ended: {
    "for a completed task": async () => {
      const { task, token } = await openTask()
      await complete(task, `Bearer ${token}`)
      return freshen(task, await idToken("alice", fresher()))
    },
    // The task itself is alive: what is above it is not, for as long as nobody lets that go on.
    ...Object.fromEntries(
      (["third", "second"] as const).map((agent) => [
        `the token of a task below a frozen one, by ${agent}`,
        async () => {
          const { task, token } = await openTask()
          const child = await openChild(token, "second")
          await manage("POST", `/v1/tasks/${task}/quarantine`, await bearerOf("operator"))
          return postForm(await childForm(child.token, agent))
        },
      ]),
    ),
    "a completed task's token": async () => {
      const task = await openTask()
      await complete(task.task, `Bearer ${task.token}`)
      return postForm(await childForm(task.token, "second"))
    },
  },
  user_required: {
    "an agent alone": async () => {
      const grant = { grant_type: "client_credentials", subject_token: undefined, subject_token_type: undefined }
      return changed({ ...grant })()
    },
  },
  renewal_differs: {
    "with a scope, of a task with a fresher session": async () => {
      const { task } = await openTask()
      return changed({ subject_token: await idToken("alice", fresher()), task, scope: "files.*:read" })()
    },
    "with a scope": async () =>
      postForm({ ...(await childForm((await openTask()).token, "first")), scope: "files.*:read" }),
    "for another purpose": async () =>
      postForm({ ...(await childForm((await openTask()).token, "first")), purpose: "errand" }),
  },
  scope_wider: {
    "a refresh with a scope that was not consented to": async () => {
      const { issued } = await redeem(await codeFor())
      return refreshBy(issued?.refresh_token ?? "", { scope: "files.*:read mail.send:write" })
    },
  },
  nothing_left: {
    "of an assertion: a scope that it does not have": async () =>
      asserted(await idJag("alice", { claims: { scope: "files.*:read" } }), { scope: "mail.send:write" })(),
    "of an assertion: another action than it has": async () =>
      asserted(await idJag("alice", { claims: { scope: "files.*:read" } }), { scope: "files.*:write" })(),
    "of an assertion: scopes of somebody else's": async () =>
      asserted(await idJag("alice", { claims: { scope: "openid chat.read" } }))(),
    "of an assertion: an empty scope": async () => asserted(await idJag("alice", { claims: { scope: "" } }))(),
    "of an assertion: details that are somebody else's": async () =>
      asserted(await idJag("alice", { claims: { authorization_details: [{ type: "payment" }] } }))(),
    "of an assertion: a scope and details of it with nothing in common": async () => {
      const authorization_details = [{ ...tools, tools: ["files.write"], actions: ["write"] }]
      return asserted(await idJag("alice", { claims: { scope: "files.*:read", authorization_details } }))()
    },
    "beyond the ceiling": async () => postForm({ ...(await exchangeForm("second")), scope: "vault.*:read" }),
    "beyond the purpose": changed({ scope: "files.purge:execute" }),
    "no tool of the catalog": changed({ scope: "files.later:read" }),
    "in as many scopes as may be": changed({
      scope: Array.from({ length: 256 }, (_, index) => `a.t${index}:read`).join(" "),
    }),
    "in details as long as they may be": changed({
      authorization_details: JSON.stringify([{ ...tools, tools: ["a.t"] }]).padEnd(4_096),
    }),
    "too sensitive": details([{ ...tools, max_sensitivity: "public", tools: ["files.read"] }]),
  },
  proof_replayed: {
    "the same proof twice": async () => {
      const proof = await proofForToken(await newProofKey())
      await changed({}, { DPoP: proof })()
      return changed({}, { DPoP: proof })()
    },
  },
  session_differs: {
    "another user's": async () => freshen((await openTask()).task, await idToken("bob")),
    "the same subject at another provider": async () =>
      freshen((await openTask()).task, await secondProvidersToken("alice")),
    "another agent's task": async () => {
      const { task } = await openTask("second")
      return freshen(task, await idToken("alice", fresher()))
    },
  },
  session_not_fresher: {
    "as old": async () => {
      const session = async () => idToken("alice", { claims: { auth_time: 1_700_000_000 } })
      return freshen((await openTask("first", { subject_token: await session() })).task, await session())
    },
    older: async () => freshen((await openTask()).task, await idToken("alice", { claims: { auth_time: 1 } })),
    "of unknown age": async () =>
      freshen((await openTask()).task, await idToken("alice", { claims: { auth_time: undefined } })),
  },
  stopped: {
    "a stopped agent": async () => {
      await stop({ kind: "agent", agent: agentId("first") })
      return changed({})()
    },
    // Not by `first`: all are tried at once, and that agent is stopped itself.
    "a stopped user": async () => {
      await stop({ kind: "user", user: "https://idp.test|bob" })
      return changed({ subject_token: await idToken("bob"), actor_token: await svid("third") })()
    },
    "a part of a stopped user's task": async () => {
      const { token } = await openTask("third", {
        subject_token: await idToken("carl"),
        actor_token: await svid("third"),
      })
      await stop({ kind: "user", user: "https://idp.test|carl" })
      return postForm(await childForm(token, "fourth"))
    },
    "a part of a stopped agent's task": async () => {
      const { token } = await openTask("second")
      await stop({ kind: "agent", agent: agentId("second") })
      return postForm(await childForm(token, "third"))
    },
  },
  unavailable: {
    "the switchboard fails": async () => {
      forgetSwitches()
      vi.spyOn(Switchboard.prototype, "read").mockImplementation(() => {
        throw new Error("out of reach, by a test")
      })
      return changed({})()
    },
    "the ledger fails": async () => {
      vi.spyOn(Ledger.prototype, "open").mockRejectedValue(new Error("out of reach, by a test"))
      return changed({})()
    },
  },
}
