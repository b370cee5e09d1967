/** An agent of many instances, each of which a claim of its cluster names, and of as many partitions as a test wants. */
import { SignJWT } from "jose"
import { env } from "cloudflare:workers"
import type { BundleBody, Pointer } from "../../src/core/policy/bundle.ts"
import type { AgentDefinition } from "../../src/core/policy/definition/agents.ts"
import type { Limit } from "../../src/core/guardrails/limit-definition.ts"
import { partitionOf } from "../../src/core/task/home.ts"
import { ledgerOf } from "../../src/platform/task-id.ts"
import { isOAuthFailure } from "../../src/core/denials/oauth-error.ts"
import { AUDIENCE, childForm, JWT, JWT_BEARER, postForm, type Form, type OpenTask, type TokenAnswer } from "./agents.ts"
import { publish, yard } from "./bundles.ts"
import { forgetCaches } from "./isolate.ts"
import { agentId, svid, US, workloads } from "./issuers.ts"
import { historyKeyOf } from "../../src/core/guardrails/history-key.ts"

export const FLEET = "https://fleet.test/agent"
const CLUSTER = "https://cluster.test"
/** Times of tests are later than any of the others. */
let published = 1

/** The window is on the fleet's calls of `files.list`. */
export interface FleetPolicy {
  readonly partitions: number
  readonly limits?: readonly Limit[]
  readonly more?: (body: BundleBody) => BundleBody
}

export function window(limit: number, more: Partial<Limit> = {}): Limit {
  const span = { kind: "sliding", seconds: 3600 } as const
  const of = { tools: ["files.list"] }
  const rest = { topic: "window", measure: { kind: "calls" }, per: ["user_or_agent"], consequence: "deny" } as const
  return { kind: "limit", id: "fleet-window", of, limit, span, ...rest, ...more }
}

export async function withFleet({ partitions, limits = [], more = (body) => body }: FleetPolicy): Promise<BundleBody> {
  const body = await yard()
  const [first] = body.agents
  if (!first) throw new Error("the yard has no agents")
  const fleet: AgentDefinition = {
    ...first,
    id: FLEET,
    identities: [{ kind: "workload", issuer: "cluster", subject: "fleet", claims: {}, instance: ["pod", "uid"] }],
    delegates_to: [agentId("sender")],
    ...(partitions > 1 && { partitions }),
  }
  const issuer = {
    id: "cluster",
    issuer: CLUSTER,
    keys: { kind: "inline", jwks: { keys: [{ ...workloads.publicJwk }] } },
    algorithms: ["ES256"],
    workloads: {},
  } as const
  return more({
    ...body,
    agents: [...body.agents, fleet],
    entities: body.entities.flatMap((each) =>
      each.uid.id === first.id ? [each, { ...each, uid: { ...each.uid, id: FLEET } }] : [each],
    ),
    issuers: [...body.issuers, issuer],
    purposes: body.purposes.map((each) => (each.name === "work" ? { ...each, user: "optional" } : each)),
    guardrails: [...body.guardrails, ...limits],
  })
}

/** From now on these decide. */
export async function publishFleet(policy: FleetPolicy): Promise<Pointer> {
  const pointer = await publish(await withFleet(policy), ++published)
  forgetCaches()
  return pointer
}

async function tokenOf(claims: Readonly<Record<string, unknown>>): Promise<string> {
  const now = Math.floor(Date.now() / 1000)
  return new SignJWT({ iss: CLUSTER, sub: "fleet", aud: US, iat: now, exp: now + 300, ...claims })
    .setProtectedHeader({ alg: "ES256", typ: "JWT", kid: workloads.publicJwk.kid ?? "" })
    .sign(workloads.key)
}

/** @param claims of the instance's token beside those that all of them have */
export async function askAs(
  claims: Readonly<Record<string, unknown>>,
  more: Form = {},
  headers: Readonly<Record<string, string>> = {},
): Promise<TokenAnswer> {
  const assertion = { client_assertion: await tokenOf(claims), client_assertion_type: JWT_BEARER }
  const target = { audience: AUDIENCE, purpose: "work" }
  return postForm({ grant_type: "client_credentials", ...target, ...assertion, ...more }, headers)
}

/** A task that this instance of the fleet opens for nobody. */
export async function openAs(pod: string, more: Form = {}): Promise<OpenTask> {
  const { issued, refused } = await askAs({ pod: { uid: pod } }, more)
  if (!issued) throw new Error(`no token: ${JSON.stringify(refused)}`)
  return { token: issued.access_token, task: issued.task, scope: issued.scope }
}

/** A task of another agent for nobody. */
export async function openRoot(agent = "first"): Promise<OpenTask> {
  const assertion = { client_assertion: await svid(agent), client_assertion_type: JWT_BEARER }
  const target = { audience: AUDIENCE, purpose: "work" }
  const { issued } = await postForm({ grant_type: "client_credentials", ...target, ...assertion })
  if (!issued) throw new Error("no token")
  return { token: issued.access_token, task: issued.task, scope: issued.scope }
}

/** An instance of the fleet becomes a sub-agent. */
export async function joinFleet(parent: OpenTask, pod: string): Promise<void> {
  const actor = { actor_token: await tokenOf({ pod: { uid: pod } }), actor_token_type: JWT }
  const { issued, refused } = await postForm({ ...(await childForm(parent.token, "first")), purpose: "work", ...actor })
  if (!issued) throw new Error(`no token: ${JSON.stringify(refused)}`)
}

/** Locates the ledger of a partition of the fleet. */
export const partition = (index: number): string =>
  ledgerOf(env, { agent: historyKeyOf(FLEET), partition: index }).name ?? ""

/** Where an instance works, of so many partitions. */
export function placeOf(pod: string, partitions: number): number {
  const found = partitionOf({ id: FLEET, partitions }, pod, null)
  if (isOAuthFailure(found)) throw new Error("refused")
  return found.index
}

/** An instance that works in these places: by number of partitions, the index. */
export function podAt(places: Readonly<Record<number, number>>): string {
  for (let number = 0; number < 10_000; number++) {
    const pod = `pod-${number}`
    if (Object.entries(places).every(([of, index]) => placeOf(pod, Number(of)) === index)) return pod
  }
  throw new Error("no instance works there")
}
