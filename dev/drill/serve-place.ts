/** `narrowgate serve` in a directory of the drill's own. The drill itself is the identity provider and the gateway. */
import { type ChildProcess, spawn } from "node:child_process"
import { once } from "node:events"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { randomUUID } from "node:crypto"
import { SignJWT } from "jose"
import { generatePublisherKey } from "../../cli/compiler/sign.ts"
import { PACKAGE } from "../../cli/package.ts"
import { developmentKey, WRITTEN_PROVIDER, WRITTEN_WORKER } from "../../cli/remote/local-stack-policies.ts"
import { makeKey, type Key } from "../demo/agent.ts"
import { DEMO_PORTS } from "../demo-ports.ts"
import { freePort } from "../loopback.ts"
import { addAgentWithKey, publicKeys, requestByKey, type Requested } from "./agents.ts"
import type { Place } from "./drill.ts"
import { copyPolicies, editPolicies, entryOf } from "./policies.ts"
import { operatorsShell } from "./run-command.ts"

const ISSUER = "https://authz.example"
const PROVIDER = "https://id.example"
export const AGENT = "https://agents.example/mailer"

export interface ServePlace extends Place {
  /** Where objects are. */
  readonly directory: string
  /** Waits until it answers. */
  readonly start: () => Promise<void>
  readonly kill: () => Promise<void>
  readonly requestTask: () => Promise<Requested>
  /** Status and code of a call by this token. */
  readonly call: (token: string) => Promise<string>
}

export async function startServePlace(): Promise<ServePlace> {
  const place = await mkdtemp(join(tmpdir(), "narrowgate-drill-"))
  const [provider, agent, publisher, port] = await Promise.all([
    makeKey(),
    makeKey(),
    generatePublisherKey(),
    freePort(),
  ])
  const policies = join(place, "policies")
  const directory = join(place, "data")
  const configuration = join(place, "narrowgate.yaml")
  const key = join(place, "publisher.jwk")
  const url = `http://127.0.0.1:${port}`
  await writePolicies(policies, provider, agent)
  await writeFile(key, JSON.stringify(publisher.privateJwk), { mode: 0o600 })
  const publisher_keys = { keys: [publisher.publicJwk] }
  // JSON is YAML.
  await writeFile(
    configuration,
    JSON.stringify({ issuer: ISSUER, listen: `127.0.0.1:${port}`, directory, publisher_keys }),
  )
  const variables = await operatorsShell(place)
  const operator = await sign(provider, "narrowgate-cli", { client_id: "narrowgate-cli", aud: ISSUER })
  const values = { POLICIES: policies, KEY: key, CONFIG: configuration, BACKUP: join(place, "monday.narrowgate") }
  for (const [name, value] of Object.entries(values)) variables.set(name, value)
  variables.set("ISSUER_URL", ISSUER).set("NARROWGATE_URL", url).set("NARROWGATE_TOKEN", operator)
  let serving: ChildProcess | undefined
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    if (!serving || serving.exitCode !== null || serving.signalCode !== null) return
    const gone = once(serving, "exit")
    serving.kill(signal)
    await gone
  }
  return {
    variables,
    directory,
    async start() {
      serving = await startServing(configuration)
    },
    kill: async () => end("SIGKILL"),
    async requestTask() {
      const session = await sign(provider, "alice", { client_id: "narrowgate-app", aud: ISSUER, groups: ["support"] })
      return requestByKey({ origin: url, issuer: ISSUER }, AGENT, agent, session)
    },
    async call(token) {
      const headers = {
        authorization: `Bearer ${token}`,
        "x-narrowgate-key": developmentKey("forward"),
        "x-forwarded-method": "GET",
        "x-forwarded-uri": "/crm/tickets/42",
        "x-forwarded-host": `127.0.0.1:${DEMO_PORTS.edge}`,
      }
      const { status, headers: answer } = await fetch(`${url}/authz/forward`, { headers })
      return `${status} ${answer.get("x-narrowgate-code") ?? "allowed"}`
    },
    async close() {
      await end("SIGTERM")
      await rm(place, { recursive: true, force: true, maxRetries: 3 })
    },
  }
}

/** The example's, with keys in the files themselves: nothing has to be fetched. */
async function writePolicies(policies: string, provider: Key, agent: Key): Promise<void> {
  await copyPolicies(
    policies,
    new Map([
      [WRITTEN_WORKER, ISSUER],
      [WRITTEN_PROVIDER, PROVIDER],
    ]),
  )
  const workloads = await makeKey()
  await editPolicies(policies, "issuers.yaml", (document) => {
    for (const [name, key] of Object.entries({ local: provider, workloads }))
      document.setIn([...entryOf(document, "issuers", "id", name), "keys"], publicKeys(key))
  })
  await addAgentWithKey(policies, AGENT, agent)
}

async function sign(provider: Key, subject: string, claims: Readonly<Record<string, unknown>>): Promise<string> {
  return new SignJWT({ ...claims, jti: randomUUID() })
    .setProtectedHeader({ alg: "ES256", kid: provider.thumbprint, typ: "at+jwt" })
    .setIssuer(PROVIDER)
    .setSubject(subject)
    .setIssuedAt()
    .setExpirationTime("1h")
    .sign(provider.privateKey)
}

async function startServing(configuration: string): Promise<ChildProcess> {
  const args = [join(PACKAGE, "bin/narrowgate.ts"), "serve", "--config", configuration]
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] })
  for await (const line of createInterface({ input: child.stdout })) {
    if (!line.includes('"event":"serving"')) continue
    child.stdout.resume()
    return child
  }
  throw new Error(`narrowgate serve ended: ${child.exitCode}`)
}
