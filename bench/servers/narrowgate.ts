/**
 * The real Worker, with a bundle compiled and signed from bench/policies, and delegation tokens from its own endpoint.
 */
import { cp, readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"
import type { JWK } from "jose"
import { compilePolicies } from "../../cli/compiler/compile.ts"
import { generatePublisherKey, signPublication } from "../../cli/compiler/sign.ts"
import { canonicalBytes, digestOf } from "../../src/core/policy/digest.ts"
import type { Lab } from "../lab.ts"
import { prepare, type Expected, type PreparedRequest } from "../load/request.ts"
import { buildNarrowgate, METER_FLAGS } from "./build.ts"
import { readManifest } from "../../dev/manifest.ts"
import { ISSUER, makeIdentities, ORIGIN, type Identities } from "./identities.ts"
import { startAgain, startWorkerd, type Workerd } from "./workerd.ts"

export interface Task {
  readonly id: string
  /** The delegation token. */
  readonly token: string
}

/** Who asks for a token. */
export interface Requester {
  /** By default the agent of bench/policies that is timed. */
  readonly agent?: string
  /** Of DPoP: the token is bound to its key. */
  readonly proof?: string
}

export interface Narrowgate extends AsyncDisposable {
  /** The process that runs now. */
  readonly workerd: Workerd
  /** By which the gateway of bench/policies asks. */
  readonly gatewayKey: string
  /** Agents and users, as this Worker believes them. */
  readonly identities: Identities
  /** Ends the process and starts another on what it left: tokens stay valid, and nothing is known in memory. */
  restart(): Promise<void>
  /** Asks for whatever path, and throws unless the status is 200 or the one that is expected. */
  ask(path: string, init?: RequestInit, status?: number): Promise<Response>
  /** What the token endpoint answers. */
  token(parameters: Readonly<Record<string, string>>, by?: Requester): Promise<Readonly<Record<string, unknown>>>
  /** Opens a tree of this user; with a DPoP proof, bound to its key. */
  openTask(user: string, scope: string, by?: Requester): Promise<Task>
  /** Ends the task, as its agent. */
  complete(task: Task): Promise<void>
  /** What the gateway asks when an agent calls `method path` with this task's token. */
  question(task: Task, method: string, path: string, expected: Expected, proof?: string): PreparedRequest
  /** What it asks when a server has answered with its list of tools. */
  listing(task: Task, server: string, list: string, expected: Expected): PreparedRequest
  /** Calls that the task's ledger has admitted. */
  admitted(task: Task, proof?: string): Promise<number>
  /** The keys that verify its tokens, as JSON. */
  jwks(): Promise<string>
}

const TIMEOUT_MS = 5_000
const POLICIES = join(import.meta.dirname, "../policies")

/**
 * @param robots agents beside those of bench/policies, with the key that each signs its own assertions by; then nothing
 *   is kept on disk
 * @param change what else is to be different in a copy of bench/policies
 * @param buildWorker the path of its module
 * @param inspected its heap can be looked at
 * @param metered by workers/metered.ts, which moves objects out of memory by its own clock
 * @param more further variables
 */
export async function startNarrowgate(
  lab: Lab,
  robots: Readonly<Record<string, JWK>> | null = null,
  change: (directory: string) => Promise<void> = async () => {},
  buildWorker: (lab: Lab) => Promise<string> = buildNarrowgate,
  inspected = false,
  metered = false,
  more: Readonly<Record<string, string>> = {},
): Promise<Narrowgate> {
  lab.say("building the Worker")
  const [module, manifest, identities] = await Promise.all([buildWorker(lab), readManifest(), makeIdentities()])
  const { publisherKeys, entries } = await publish(lab, identities, robots ?? {}, change)
  // What is metered is deployed as wrangler.toml says; others ask for records as soon as they have called.
  const variables = { ISSUER, PUBLISHER_KEYS: publisherKeys, RECORD_DELAY_SECONDS: metered ? "60" : "0", ...more }
  const namespaces = { BUNDLES: entries }
  let workerd = await startWorkerd(lab, {
    module,
    ...manifest,
    ...(metered && { compatibilityFlags: [...manifest.compatibilityFlags, ...METER_FLAGS], keepsObjects: true }),
    storage: robots ? "volatile" : "disk",
    variables,
    namespaces,
    inspected,
  })
  return narrowgateOf(
    {
      get workerd() {
        return workerd
      },
      async restart() {
        await workerd[Symbol.asyncDispose]()
        workerd = await startAgain(workerd)
      },
      [Symbol.asyncDispose]: () => workerd[Symbol.asyncDispose](),
    },
    identities,
  )
}

export interface Server extends AsyncDisposable {
  readonly workerd: Workerd
  restart(): Promise<void>
}

/** What may be asked of a Worker that believes in these identities, however it is run. */
export function narrowgateOf(server: Server, identities: Identities): Narrowgate {
  const ask = async (path: string, init: RequestInit = {}, status = 200): Promise<Response> => {
    const url = `http://127.0.0.1:${server.workerd.port}${path}`
    const response = await fetch(url, { ...init, signal: AbortSignal.timeout(TIMEOUT_MS) })
    if (response.status === status) return response
    throw new Error(`${path} answered ${response.status} ${await response.text()}\n${server.workerd.complaints()}`)
  }
  const token: Narrowgate["token"] = async (parameters, { proof, agent } = {}) => {
    const body = new URLSearchParams({
      ...parameters,
      client_assertion: await identities.svid(agent),
      client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-spiffe",
    })
    return (
      await ask("/oauth/token", { method: "POST", body, headers: proof === undefined ? {} : { dpop: proof } })
    ).json()
  }
  return {
    ask,
    token,
    get workerd() {
      return server.workerd
    },
    gatewayKey: identities.gatewayKey,
    identities,
    restart: async () => server.restart(),
    async openTask(user, scope, by) {
      const granted = await token(
        {
          grant_type: "urn:ietf:params:oauth:grant-type:token-exchange",
          subject_token: await identities.idToken(user),
          subject_token_type: "urn:ietf:params:oauth:token-type:id_token",
          scope,
        },
        by,
      )
      const accessToken = String(granted["access_token"])
      const [, payload = ""] = accessToken.split(".")
      const claims: { readonly task?: string } = JSON.parse(Buffer.from(payload, "base64url").toString())
      return { id: claims.task ?? "", token: accessToken }
    },
    async complete(task) {
      await ask(`/v1/tasks/${task.id}/complete`, { method: "POST", headers: credential(task, undefined) })
    },
    question(task, method, path, expected, proof) {
      const headers = {
        ...credential(task, proof),
        "x-narrowgate-key": identities.gatewayKey,
        "x-forwarded-method": method,
        "x-forwarded-uri": path,
        "x-forwarded-host": new URL(ORIGIN).host,
      }
      return prepare({ method: "GET", path: "/authz/forward", headers }, expected)
    },
    listing(task, server, list, expected) {
      const headers = {
        ...credential(task, undefined),
        "x-narrowgate-filter-key": identities.gatewayKey,
        "x-narrowgate-server": server,
        "content-type": "application/json",
      }
      return prepare({ method: "POST", path: "/v1/tools/filter", headers, body: list }, expected)
    },
    async admitted(task, proof) {
      const headers = credential(task, proof)
      const { tasks }: { readonly tasks: readonly { readonly calls: { readonly used: number } }[] } = await (
        await ask(`/v1/tasks/${task.id}`, { headers })
      ).json()
      return tasks[0]?.calls.used ?? Number.NaN
    },
    jwks: async () => (await ask("/.well-known/jwks.json")).text(),
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  }
}

function credential({ token }: Task, proof: string | undefined): Readonly<Record<string, string>> {
  return proof === undefined ? { authorization: `Bearer ${token}` } : { authorization: `DPoP ${token}`, dpop: proof }
}

/** Each may do what one agent alone may. JSON is YAML. */
function robotEntries(robots: Readonly<Record<string, JWK>>): string {
  return Object.entries(robots)
    .map(([id, jwk]) => {
      const identity = { keys: { jwks: { keys: [jwk] } }, algorithms: ["ES256"] }
      const ceiling = { tools: ["crm.tickets.list:read"], max_sensitivity: "internal" }
      const trees = { live: 10_000, per_minute: 10_000 }
      const robot = { id, owner: "bench", groups: ["reporting"], identities: [identity], ceiling, trees }
      return `  - ${JSON.stringify({ ...robot, purposes: ["rounds"] })}\n`
    })
    .join("")
}

interface Published {
  /** JWK Set, JSON. */
  readonly publisherKeys: string
  readonly entries: Readonly<Record<string, string>>
}

/** Compiles bench/policies, changed, with the keys of these identities. */
export async function compileBench(
  directory: string,
  { files }: Identities,
  robots: Readonly<Record<string, JWK>>,
  change: (directory: string) => Promise<void>,
): Promise<Uint8Array<ArrayBuffer>> {
  await cp(POLICIES, directory, { recursive: true })
  for (const [name, content] of Object.entries(files)) await writeFile(join(directory, name), content)
  const agents = join(directory, "agents.yaml")
  await writeFile(agents, (await readFile(agents, "utf8")) + robotEntries(robots))
  await change(directory)
  const { body, problems } = await compilePolicies(directory)
  if (!body) throw new Error(`bench/policies does not compile: ${JSON.stringify(problems)}`)
  return canonicalBytes(body)
}

async function publish(
  lab: Lab,
  identities: Identities,
  robots: Readonly<Record<string, JWK>>,
  change: (directory: string) => Promise<void>,
): Promise<Published> {
  const bytes = await compileBench(lab.place("policies"), identities, robots, change)
  const digest = await digestOf(bytes)
  const { privateJwk, publicJwk } = await generatePublisherKey()
  const pointer = await signPublication(
    privateJwk,
    { seq: 1, digest },
    { aud: ISSUER, by: "bench", why: "to measure it" },
  )
  return {
    publisherKeys: JSON.stringify({ keys: [publicJwk] }),
    entries: { pointer, [`body/${digest}`]: new TextDecoder().decode(bytes) },
  }
}
