/** `narrowgate serve` in the drill's own directory. The drill itself is the identity provider and the gateway. */
import { type ChildProcess, spawn } from "node:child_process"
import { randomUUID } from "node:crypto"
import { writeFile } from "node:fs/promises"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { setTimeout as sleep } from "node:timers/promises"
import { generatePublisherKey } from "../../cli/compiler/sign.ts"
import { PACKAGE } from "../../cli/package.ts"
import { APP_CLIENT, CLI_CLIENT } from "../../cli/remote/local-stack.ts"
import { developmentKey, WRITTEN_PROVIDER, WRITTEN_WORKER } from "../../cli/remote/local-stack-policies.ts"
import { makeKey, type Key } from "../demo/agent.ts"
import { DEMO_PORTS } from "../demo-ports.ts"
import { ask } from "../gateway/ask.ts"
import { first } from "../gateway/headers.ts"
import { accepts, endWithUs, freePort, stop } from "../loopback.ts"
import { accessToken, addMailer, answerOf, publicKeys, requestAsMailer, type TaskResponse } from "./agents.ts"
import type { Place } from "./drill.ts"
import { copyPolicies, editPolicies, entryOf } from "./policies.ts"
import { drillEnvironment } from "./run-command.ts"

const ISSUER = "https://authz.example"
const PROVIDER = "https://id.example"
/** Milliseconds. */
const ENDS_WITHIN_MS = 5_000

export interface ServePlace extends Place {
  /** Where objects are. */
  readonly directory: string
  /** Waits until it answers. */
  readonly start: () => Promise<void>
  readonly kill: () => Promise<void>
  readonly requestTask: () => Promise<TaskResponse>
  /** Status and code of a call by this token. */
  readonly call: (token: string) => Promise<string>
}

/** It has been started once. */
export async function startServePlace(drillDirectory: string): Promise<ServePlace> {
  const [provider, agent, publisher, port] = await Promise.all([
    makeKey(),
    makeKey(),
    generatePublisherKey(),
    freePort(),
  ])
  const policies = join(drillDirectory, "policies")
  const directory = join(drillDirectory, "data")
  const configuration = join(drillDirectory, "narrowgate.yaml")
  const key = join(drillDirectory, "publisher.jwk")
  const url = `http://127.0.0.1:${port}`
  await writePolicies(policies, provider, agent)
  await writeFile(key, JSON.stringify(publisher.privateJwk), { mode: 0o600 })
  const publisher_keys = { keys: [publisher.publicJwk] }
  // JSON is YAML.
  await writeFile(
    configuration,
    JSON.stringify({ issuer: ISSUER, listen: `127.0.0.1:${port}`, directory, publisher_keys }),
  )
  const issuer = { origin: PROVIDER, key: provider }
  const operator = await accessToken(issuer, CLI_CLIENT, { client_id: CLI_CLIENT, aud: ISSUER })
  const environment = await drillEnvironment(drillDirectory)
  const variables = new Map([
    ...environment,
    ["POLICIES", policies],
    ["KEY", key],
    ["CONFIG", configuration],
    ["BACKUP", join(drillDirectory, "monday.narrowgate")],
    ["ISSUER_URL", ISSUER],
    ["NARROWGATE_URL", url],
    ["NARROWGATE_TOKEN", operator],
  ])
  const start = async (): Promise<ChildProcess> => startServing(configuration, environment)
  const gateway = { origin: url, key: developmentKey("forward"), dialect: "traefik" } as const
  let serving = await start()
  return {
    variables,
    directory,
    async start() {
      serving = await start()
    },
    async kill() {
      await stop(serving, "SIGKILL")
      // workerd ends a moment after the process that started it.
      for (const deadline = Date.now() + ENDS_WITHIN_MS; await accepts(port); await sleep(50))
        if (Date.now() > deadline) throw new Error("workerd goes on without `narrowgate serve`")
    },
    async requestTask() {
      const session = await accessToken(issuer, "alice", { client_id: APP_CLIENT, aud: ISSUER, groups: ["support"] })
      return requestAsMailer({ origin: url, issuer: ISSUER }, agent, session)
    },
    async call(token) {
      const verdict = await ask(gateway, {
        method: "GET",
        target: "/crm/tickets/42",
        headers: [["authorization", `Bearer ${token}`]],
        body: new Uint8Array(),
        requestId: randomUUID(),
        host: `127.0.0.1:${DEMO_PORTS.edge}`,
      })
      if (verdict.allowed) return answerOf({ status: 200, code: null })
      const { status, headers } = verdict
      return answerOf({ status, code: first(headers, "x-narrowgate-code") ?? "denied" })
    },
    close: async () => stop(serving),
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
  await addMailer(policies, agent)
}

async function startServing(configuration: string, environment: ReadonlyMap<string, string>): Promise<ChildProcess> {
  const args = [join(PACKAGE, "bin/narrowgate.ts"), "serve", "--config", configuration]
  const env = Object.fromEntries(environment)
  const child = spawn(process.execPath, args, { env, stdio: ["ignore", "pipe", "inherit"] })
  endWithUs(child)
  for await (const line of createInterface({ input: child.stdout })) {
    if (!line.includes('"event":"serving"')) continue
    child.stdout.resume()
    return child
  }
  throw new Error(`narrowgate serve ended: ${child.exitCode}`)
}
