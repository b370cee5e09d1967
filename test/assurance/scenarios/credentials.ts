/** Tokens, keys and identities that another program uses, or that are used for longer than they are needed. */
import { decodeJwt, decodeProtectedHeader, generateKeyPair, SignJWT } from "jose"
import { replacing, type Scenario } from "../scenario.ts"
import { TaskDenied } from "../../../testing/index.ts"
import type { Call, Narrowgate, Person, Session, World } from "../world.ts"
import { customer, DEPLOY, isServed, TICKETS } from "./calls.ts"
import { asAgent, BoundAgent, requestToken, tokenOf } from "./narrowgate.ts"
import { AMY, ANN } from "./people.ts"
import { answerTicket, calling } from "./work.ts"

const NIGHTLY = "spiffe://example.org/agent/nightly"
const ANSWER_BY_VAULT = { ...answerTicket(ANN), agent: "vault" }

/** Legitimate work of the agent whose tokens are bound to its key. */
async function workBound(world: World): Promise<void> {
  if (!world.narrowgate) return
  const vault = await BoundAgent.begin(world.narrowgate, "vault", AMY, "answer-ticket")
  const { method, path } = customer("42")
  await world.call(vault.session, { method, path, headers: await vault.proofHeaders(method, path) })
}

export const TOKEN_IS_COPIED: Scenario = {
  name: "An attacker copies an agent's token out of a log and sends it from elsewhere",
  control: "the key that the agent's tokens are bound to",
  work: workBound,
  attack: calling(ANSWER_BY_VAULT, customer("42")),
  isReached: isServed("GET", "/crm/customers/42"),
  denied: { code: "invalid_token", reason: "binding_required" },
  without: { "agents.yaml": replacing("bound_key: true", "bound_key: false") },
}

export const INSTANCE_IS_SHARED: Scenario = {
  name: "A second program of the same agent works with the token of the first, under a key of its own",
  control: "the key that the agent's tokens are bound to",
  work: workBound,
  async attack(world) {
    const first = await world.begin(ANSWER_BY_VAULT)
    if (!world.narrowgate) {
      await world.call(first, customer("42"))
      return
    }
    const token = tokenOf(first)
    const second = await BoundAgent.begin(world.narrowgate, "vault", AMY, "answer-ticket")
    const { method, path } = customer("42")
    const headers = await second.proofHeaders(method, path, token)
    await world.call({ authorization: `DPoP ${token}`, task: null }, { method, path, headers })
    await world.call(first, { method, path })
  },
  isReached: isServed("GET", "/crm/customers/42"),
  denied: { code: "invalid_token", reason: "proof_rejected" },
  without: { "agents.yaml": replacing("bound_key: true", "bound_key: false") },
}

const reportNightly = calling({ agent: "nightly", purpose: "nightly-report" }, TICKETS)

export const IDENTITY_IS_FORGED: Scenario = {
  name: "An attacker who has read an agent's configuration claims to be the agent",
  control: "identities that an issuer signs, instead of shared secrets",
  work: reportNightly,
  async attack(world) {
    const { narrowgate } = world
    // The configuration has the secret of its service account.
    if (!narrowgate) return reportNightly(world)
    const { privateKey } = await generateKeyPair("ES256")
    // All of the agent's own identity but the signature, under the name of the key that its issuer signs with.
    const ownIdentity = await narrowgate.identity("nightly")
    const signed = await new SignJWT(decodeJwt(ownIdentity))
      .setProtectedHeader({ alg: "ES256", ...decodeProtectedHeader(ownIdentity) })
      .sign(privateKey)
    const [, payload] = signed.split(".")
    const unsigned = `${Buffer.from('{"alg":"none"}').toString("base64url")}.${payload}.`
    for (const proof of [asAgent(signed), asAgent(unsigned), { client_id: NIGHTLY, client_secret: "hunter2" }]) {
      try {
        const form = { ...proof, grant_type: "client_credentials", purpose: "nightly-report" }
        const token = await requestToken(narrowgate, form)
        await world.call({ authorization: `Bearer ${token}`, task: null }, TICKETS)
      } catch (error) {
        if (!(error instanceof TaskDenied)) throw error
      }
    }
  },
  isReached: isServed("GET", "/crm/tickets"),
  denied: { code: "invalid_client", reason: "agent_unauthenticated", because: "signature_invalid" },
  without: null,
  instead: { words: "the same request with the identity that the issuer has signed", attack: reportNightly },
}

const RELEASE = "https://ci.example/agents/release"

/** A pipeline with this identity claims to be the one that releases. */
async function release(narrowgate: Narrowgate, identity: string): Promise<Session> {
  const form = { ...asAgent(identity), client_id: RELEASE, grant_type: "client_credentials", purpose: "release" }
  return { authorization: `Bearer ${await requestToken(narrowgate, form)}`, task: null }
}

export const PIPELINE_POSES_AS_ANOTHER: Scenario = {
  name: "The pipeline of a harmless repository puts a release into production",
  control: "the subject and claims that the platform signs, whatever a pipeline claims to be",
  work: calling({ agent: "release", purpose: "release" }, DEPLOY),
  async attack(world) {
    const { narrowgate } = world
    // In a plain set-up, pipelines share the key of one service account.
    const session = narrowgate
      ? await release(narrowgate, await narrowgate.identity("https://ci.example/agents/docs"))
      : await world.begin({ agent: "docs" })
    await world.call(session, DEPLOY)
  },
  isReached: isServed("POST", "/deployments"),
  denied: { code: "invalid_client", reason: "agent_unauthenticated" },
  without: null,
  instead: {
    words: "the same request with the token of the repository's own pipeline",
    async attack(world) {
      const { narrowgate } = world
      if (narrowgate) await world.call(await release(narrowgate, await narrowgate.identity(RELEASE)), DEPLOY)
    },
  },
}

/** The desk agent gets a token, and calls after this time. */
const callingAfter = (person: Person, span: string, call: Call) => async (world: World) => {
  const session = await world.begin(answerTicket(person))
  await world.pass(span)
  await world.call(session, call)
}

export const TOKEN_IS_STORED: Scenario = {
  name: "A token that was stored is used two hours after it was issued",
  control: "the minutes for which a token is valid",
  work: callingAfter(AMY, "4 minutes", TICKETS),
  attack: callingAfter(ANN, "2 hours", customer("42")),
  isReached: isServed("GET", "/crm/customers/42"),
  denied: { code: "invalid_token", reason: "token_expired" },
  without: null,
  instead: {
    words: "the same call four minutes after the token was issued",
    attack: callingAfter(ANN, "4 minutes", customer("42")),
  },
}

export const TASK_IS_COMPLETED: Scenario = {
  name: "A credential is used after the work that it was given for is done",
  control: "the end of the task, after which its token is not accepted",
  async work(world) {
    const session = await world.begin(answerTicket(AMY))
    await world.call(session, TICKETS)
    await world.complete(session)
  },
  async attack(world) {
    const session = await world.begin(answerTicket(ANN))
    await world.complete(session)
    await world.call(session, customer("42"))
  },
  isReached: isServed("GET", "/crm/customers/42"),
  denied: { code: "invalid_token", reason: "task_ended" },
  without: null,
  instead: { words: "the same call before the work is done", attack: calling(answerTicket(ANN), customer("42")) },
}
