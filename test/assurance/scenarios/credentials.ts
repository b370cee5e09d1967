/** Tokens, keys and identities in hands that they were not given to, or for longer than they were needed. */
import { decodeJwt, decodeProtectedHeader, generateKeyPair, SignJWT } from "jose"
import { replacing, type Scenario } from "../scenario.ts"
import { Refused, type Call, type Narrowgate, type Session, type World } from "../world.ts"
import { customer, isDone, TICKETS } from "./calls.ts"
import { asAgent, BoundAgent, requestToken } from "./narrowgate.ts"
import { AMY, ANN } from "./people.ts"

const NIGHTLY = "spiffe://example.org/agent/nightly"

/** Honest work of the agent whose tokens are bound to its key. */
async function workBound(world: World): Promise<void> {
  if (!world.narrowgate) return
  const vault = await BoundAgent.begin(world.narrowgate, "vault", AMY, "answer-ticket")
  const { method, path } = customer("42")
  await world.call(vault.session, { method, path, headers: await vault.proves(method, path) })
}

export const TOKEN_IS_COPIED: Scenario = {
  name: "Somebody copies an agent's token out of a log and sends it from elsewhere",
  control: "the key that the agent's tokens are bound to",
  work: workBound,
  async attack(world) {
    const copied = await world.begin({ agent: "vault", person: ANN, purpose: "answer-ticket" })
    await world.call(copied, customer("42"))
  },
  isReached: isDone("GET", "/crm/customers/42"),
  denied: { code: "invalid_token", reason: "binding_required" },
  without: { "agents.yaml": replacing("bound_key: true", "bound_key: false") },
}

export const INSTANCE_IS_SHARED: Scenario = {
  name: "A second program of the same agent works with the token of the first, under a key of its own",
  control: "the key that the agent's tokens are bound to",
  work: workBound,
  async attack(world) {
    const first = await world.begin({ agent: "vault", person: ANN, purpose: "answer-ticket" })
    if (!world.narrowgate) {
      await world.call(first, customer("42"))
      return
    }
    const token = first.authorization.slice("Bearer ".length)
    const second = await BoundAgent.begin(world.narrowgate, "vault", AMY, "answer-ticket")
    const { method, path } = customer("42")
    const headers = await second.proves(method, path, token)
    await world.call({ authorization: `DPoP ${token}`, task: null }, { method, path, headers })
    await world.call(first, { method, path })
  },
  isReached: isDone("GET", "/crm/customers/42"),
  denied: { code: "invalid_token", reason: "proof_rejected" },
  without: { "agents.yaml": replacing("bound_key: true", "bound_key: false") },
}

async function worksAtNight(world: World): Promise<void> {
  await world.call(await world.begin({ agent: "nightly", purpose: "nightly-report" }), TICKETS)
}

export const IDENTITY_IS_FORGED: Scenario = {
  name: "Somebody who has read an agent's configuration claims to be the agent",
  control: "identities that an issuer signs, in the place of secrets that are shared",
  work: worksAtNight,
  async attack(world) {
    const { narrowgate } = world
    // The secret of its service account stands in the configuration.
    if (!narrowgate) return worksAtNight(world)
    const { privateKey } = await generateKeyPair("ES256")
    // All of the agent's own identity but the signature, under the name of the key that its issuer signs with.
    const honest = await narrowgate.identity("nightly")
    const signed = await new SignJWT(decodeJwt(honest))
      .setProtectedHeader({ alg: "ES256", ...decodeProtectedHeader(honest) })
      .sign(privateKey)
    const [, payload] = signed.split(".")
    const unsigned = `${Buffer.from('{"alg":"none"}').toString("base64url")}.${payload}.`
    for (const proof of [asAgent(signed), asAgent(unsigned), { client_id: NIGHTLY, client_secret: "hunter2" }]) {
      try {
        const form = { ...proof, grant_type: "client_credentials", purpose: "nightly-report" }
        const token = await requestToken(narrowgate, form)
        await world.call({ authorization: `Bearer ${token}`, task: null }, TICKETS)
      } catch (error) {
        if (!(error instanceof Refused)) throw error
      }
    }
  },
  isReached: isDone("GET", "/crm/tickets"),
  denied: { code: "invalid_client", reason: "agent_unauthenticated", because: "signature_invalid" },
  without: null,
  instead: { words: "the same request with the identity that the issuer has signed", attack: worksAtNight },
}

const DEPLOY: Call = { method: "POST", path: "/deployments", body: { version: "7" } }

const RELEASE = "https://ci.example/agents/release"

/** A pipeline with this identity says that it is the one that releases. */
async function release(narrowgate: Narrowgate, identity: string): Promise<Session> {
  const form = { ...asAgent(identity), client_id: RELEASE, grant_type: "client_credentials", purpose: "release" }
  return { authorization: `Bearer ${await requestToken(narrowgate, form)}`, task: null }
}

export const PIPELINE_POSES_AS_ANOTHER: Scenario = {
  name: "The pipeline of a harmless repository puts a release into production",
  control: "the subject and claims that the platform signs, whatever a pipeline says that it is",
  async work(world) {
    await world.call(await world.begin({ agent: "release", purpose: "release" }), DEPLOY)
  },
  async attack(world) {
    const { narrowgate } = world
    // In a plain set-up, pipelines share the key of one service account.
    const session = narrowgate
      ? await release(narrowgate, await narrowgate.identity("https://ci.example/agents/docs"))
      : await world.begin({ agent: "docs" })
    await world.call(session, DEPLOY)
  },
  isReached: isDone("POST", "/deployments"),
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

export const TOKEN_IS_KEPT: Scenario = {
  name: "A token that somebody has kept is used two hours later",
  control: "the minutes for which a token is valid",
  async work(world) {
    const session = await world.begin({ agent: "desk", person: AMY, purpose: "answer-ticket" })
    await world.pass("4 minutes")
    await world.call(session, TICKETS)
  },
  async attack(world) {
    const session = await world.begin({ agent: "desk", person: ANN, purpose: "answer-ticket" })
    await world.pass("2 hours")
    await world.call(session, customer("42"))
  },
  isReached: isDone("GET", "/crm/customers/42"),
  denied: { code: "invalid_token", reason: "token_expired" },
  without: null,
  instead: {
    words: "the same call four minutes after the token was issued",
    async attack(world) {
      const session = await world.begin({ agent: "desk", person: ANN, purpose: "answer-ticket" })
      await world.pass("4 minutes")
      await world.call(session, customer("42"))
    },
  },
}

export const TASK_IS_OVER: Scenario = {
  name: "A credential is used after the work that it was given for is done",
  control: "the end of the task, from which its token opens nothing",
  async work(world) {
    const session = await world.begin({ agent: "desk", person: AMY, purpose: "answer-ticket" })
    await world.call(session, TICKETS)
    await world.complete(session)
  },
  async attack(world) {
    const session = await world.begin({ agent: "desk", person: ANN, purpose: "answer-ticket" })
    await world.complete(session)
    await world.call(session, customer("42"))
  },
  isReached: isDone("GET", "/crm/customers/42"),
  denied: { code: "invalid_token", reason: "task_ended" },
  without: null,
  instead: {
    words: "the same call before the work is done",
    async attack(world) {
      const session = await world.begin({ agent: "desk", person: ANN, purpose: "answer-ticket" })
      await world.call(session, customer("42"))
      await world.complete(session)
    },
  },
}
