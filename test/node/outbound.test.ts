/**
 * What others are told, over real HTTP: the built Worker in bare workerd, receivers on loopback, the process killed
 * between an answer and its delivery, and a second Narrowgate that believes what the first one tells. Loopback only.
 */
import { randomBytes, randomUUID } from "node:crypto"
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises"
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import type { AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Webhook } from "standardwebhooks"
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest"
import type { ServerProcess } from "../../bench/servers/process.ts"
import type { BundleBody } from "../../src/core/policy/bundle.ts"
import {
  AGENT,
  configure,
  disk,
  hashOf,
  keyValueStore,
  narrowgate,
  newSigner,
  published,
  sign,
  yardOf,
} from "./bare-narrowgate.ts"
import { BUILD_WITHIN_MS, buildWorker, serve } from "./bare-workerd.ts"

const [FIRST, SECOND] = ["https://first.example", "https://second.example"]
const IDP = "https://idp.test"
const AUDIENCE = "https://api.test/"
const [GATEWAY_KEY, BEARER_KEY] = [randomBytes(24).toString("base64url"), randomBytes(24).toString("base64url")]
const WEBHOOK_KEY = `whsec_${randomBytes(32).toString("base64")}`

const [users, agent] = [await newSigner("users-1"), await newSigner("agent-1")]

interface Told {
  readonly path: string
  readonly headers: IncomingMessage["headers"]
  readonly body: string
}
let told: Told[] = []
/** What the receiver does with a request; without one it answers 204. */
let answer: (told: Told, response: ServerResponse) => void = (_, response) => void response.writeHead(204).end()
let door: Server
let origin: string

const running = new Map<string, { readonly server: ServerProcess; readonly port: number }>()
let directory: string
let module: string

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "narrowgate-outbound-"))
  module = await buildWorker(directory)
  door = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on("data", (chunk: Buffer) => chunks.push(chunk))
    request.on("end", () => {
      const one = { path: request.url ?? "", headers: request.headers, body: Buffer.concat(chunks).toString() }
      told.push(one)
      answer(one, response)
    })
  })
  await new Promise<void>((resolve) => door.listen(0, "127.0.0.1", resolve))
  const address: AddressInfo | string | null = door.address()
  if (typeof address !== "object" || !address) throw new Error("the receiver has no port")
  origin = `http://127.0.0.1:${address.port}`
}, BUILD_WITHIN_MS + 5_000)
afterAll(async () => {
  door.closeAllConnections()
  await new Promise((resolve) => door.close(resolve))
  await rm(directory, { recursive: true, force: true, maxRetries: 3 })
})

beforeEach(() => {
  told = []
  answer = (_, response) => void response.writeHead(204).end()
})
afterEach(async () => {
  for (const name of running.keys()) await kill(name)
})

const bodyFor = async (more: Partial<BundleBody>): Promise<BundleBody> => ({
  ...(await yardOf(users, agent, GATEWAY_KEY)),
  streams: [],
  ...more,
})

/** The first Narrowgate: it tells a desk, and the second one by way of the same door. */
const telling = async (): Promise<BundleBody> =>
  bodyFor({
    receivers: [
      {
        id: "desk",
        format: "standard",
        url: `${origin}/desk`,
        events: ["approval.asked", "task.revoked"],
        arguments: true,
      },
      {
        id: "second",
        format: "set",
        url: `${origin}/second/v1/events`,
        events: ["switch.set", "task.revoked"],
        audience: `${SECOND}/v1/events`,
        bearer: true,
      },
    ],
  })

/** The second: it hears the first. */
const hearing = async (): Promise<BundleBody> =>
  bodyFor({
    streams: [
      {
        id: "first",
        issuer: FIRST,
        audiences: [`${SECOND}/v1/events`],
        keys: { kind: "jwks_uri", uri: `http://127.0.0.1:${running.get("first")?.port}/.well-known/jwks.json` },
        algorithms: ["ES256"],
        key_sha256: [hashOf(BEARER_KEY)],
        events: ["session-revoked"],
        about: { users: [{ issuer: "idp", by: ["iss_sub"] }], agents: ["*"], keys: false },
        effects: {},
        risk: { low: 0, medium: 50, high: 90, doubt: 60, half_life: 3600 },
        mode: "enforce",
      },
    ],
  })

async function start(name: "first" | "second", issuer: string, body: BundleBody): Promise<void> {
  const objects = join(directory, `${name}-${randomUUID()}`)
  await mkdir(objects)
  const configuration = join(directory, `${name}.capnp`)
  await writeFile(configuration, await capnp(objects, issuer, body))
  await restart(name)
}

/** On what it has written before. */
async function restart(name: string): Promise<void> {
  const { server, ports } = await serve(join(directory, `${name}.capnp`), directory, ["http"])
  running.set(name, { server, port: ports.http })
}

/** As a power cut would: by its pid. */
async function kill(name: string): Promise<void> {
  const found = running.get(name)
  if (!found) return
  process.kill(found.server.pid, "SIGKILL")
  await found.server[Symbol.asyncDispose]()
  running.delete(name)
}

async function capnp(objects: string, issuer: string, body: BundleBody): Promise<string> {
  const { entries, PUBLISHER_KEYS } = await published(body, issuer)
  const variables = {
    ISSUER: issuer,
    LOCAL: "true",
    PUBLISHER_KEYS,
    WEBHOOK_SECRETS: JSON.stringify({ desk: WEBHOOK_KEY, second: BEARER_KEY }),
  }
  const services = {
    main: await narrowgate({ module, variables }),
    kv: await keyValueStore(entries),
    objects: disk(objects),
    internet: `network = (allow = ["public", "private", "local"])`,
  }
  return configure(services, { http: "main" })
}

async function ask(
  name: string,
  path: string,
  init: RequestInit,
): Promise<{ status: number; headers: Headers; json: unknown }> {
  const url = `http://127.0.0.1:${running.get(name)?.port}${path}`
  const response = await fetch(url, { ...init, signal: AbortSignal.timeout(10_000) })
  const text = await response.text()
  return { status: response.status, headers: response.headers, json: text === "" ? null : JSON.parse(text) }
}

interface Task {
  readonly task: string
  readonly access_token: string
}

async function open(name: string, issuer: string, user = "alice"): Promise<Task> {
  const session = { iss: IDP, sub: user, aud: "app", groups: ["staff"] }
  const body = new URLSearchParams({
    grant_type: "urn:ietf:params:oauth:grant-type:token-exchange",
    subject_token: await sign(users, session),
    subject_token_type: "urn:ietf:params:oauth:token-type:id_token",
    client_assertion: await sign(agent, { iss: AGENT, sub: AGENT, aud: issuer }),
    client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    audience: AUDIENCE,
  })
  const { status, json } = await ask(name, "/oauth/token", { method: "POST", body })
  expect(status, JSON.stringify(json)).toBe(200)
  const { task, access_token } = Object(json)
  return { task: String(task), access_token: String(access_token) }
}

async function call(name: string, { access_token }: Task, uri: string, body?: object): Promise<string> {
  const headers = {
    "X-Narrowgate-Key": GATEWAY_KEY,
    "X-Forwarded-Method": body ? "POST" : "GET",
    "X-Forwarded-Uri": uri,
    "X-Forwarded-Host": "api.test",
    "Content-Type": "application/json",
    Authorization: `Bearer ${access_token}`,
  }
  const sent = body ? { method: "POST", body: JSON.stringify(body) } : {}
  const answered = await ask(name, "/authz/forward", { ...sent, headers })
  return answered.headers.get("X-Narrowgate-Code") ?? "ok"
}

/** Waits for a person's word. */
const pay = async (name: string, task: Task): Promise<void> =>
  expect(await call(name, task, "/till/shop", { amount: 500 })).toBe("approval_required")

async function revoke(name: string, issuer: string, what: object): Promise<void> {
  const claims = { iss: IDP, sub: "operator", aud: issuer, client_id: "cli" }
  const Authorization = `Bearer ${await sign(users, claims, "at+jwt")}`
  const init = { method: "POST", headers: { Authorization }, body: JSON.stringify(what) }
  // People are known by their records, which follow a task within a second.
  await expect.poll(async () => (await ask(name, "/v1/revocations", init)).status, { timeout: 5_000 }).toBe(200)
}

async function deliveries(name: string, issuer: string, receiver: string): Promise<Readonly<Record<string, unknown>>> {
  const claims = { iss: IDP, sub: "viewer", aud: issuer, client_id: "cli" }
  const Authorization = `Bearer ${await sign(users, claims, "at+jwt")}`
  const { json } = await ask(name, "/v1/deliveries", { headers: { Authorization } })
  const { receivers }: { receivers: readonly Readonly<Record<string, unknown>>[] } = Object(json)
  return receivers.find(({ id }) => id === receiver) ?? {}
}

const arrived = async (count: number, path = "/desk"): Promise<readonly Told[]> => {
  const of = (): readonly Told[] => told.filter((each) => each.path === path)
  await expect.poll(() => of().length, { timeout: 15_000, interval: 20 }).toBeGreaterThanOrEqual(count)
  return of()
}

function verify({ body, headers }: Told): Readonly<Record<string, unknown>> {
  const signed = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, String(value)]))
  return Object(new Webhook(WEBHOOK_KEY).verify(body, signed))
}

const WITHIN = 60_000

test(
  "a question is told as Standard Webhooks has it, while the call goes its way",
  async () => {
    await start("first", FIRST, await telling())
    const task = await open("first", FIRST)
    await pay("first", task)
    const [sent] = await arrived(1)
    if (!sent) throw new Error("nothing came")
    expect(sent.headers["content-type"]).toBe("application/json")
    expect(verify(sent)).toMatchObject({
      type: "approval.asked",
      data: {
        kind: "call",
        task: task.task,
        tool: "till.pay",
        name: "finance",
        arguments: { to: "shop", amount: 500 },
      },
    })
    expect(sent.body).not.toContain(task.access_token)
    await expect
      .poll(async () => deliveries("first", FIRST, "desk"), { timeout: 5_000 })
      .toMatchObject({ waiting: 0, dead: 0 })
  },
  WITHIN,
)

test(
  "what was not delivered when the process was killed is delivered by the next one, under the same id",
  async () => {
    await start("first", FIRST, await telling())
    const task = await open("first", FIRST)
    // Nothing has been sent, or even handed over, when the answer is there.
    await pay("first", task)
    await kill("first")
    const before = told.length
    answer = (_, response) => void response.writeHead(503).end()
    await restart("first")
    // Nobody asks this task's ledger anything: its alarm does.
    await arrived(before + 1)
    await kill("first")
    answer = (_, response) => void response.writeHead(204).end()
    const failed = told.length
    await restart("first")
    const all = await arrived(failed + 1)
    expect(new Set(all.map(({ headers }) => headers["webhook-id"])).size).toBe(1)
    expect(new Set(all.map(verify).map(({ type }) => type))).toEqual(new Set(["approval.asked"]))
    await expect
      .poll(async () => deliveries("first", FIRST, "desk"), { timeout: 5_000 })
      .toMatchObject({ waiting: 0, dead: 0 })
  },
  WITHIN,
)

test(
  "a receiver that redirects, never answers or never ends is neither followed nor waited for",
  async () => {
    await start("first", FIRST, await telling())
    const task = await open("first", FIRST)
    answer = ({ path }, response) =>
      void response.writeHead(path === "/desk" ? 307 : 204, { Location: `${origin}/trap` }).end()
    await pay("first", task)
    await arrived(1)
    await expect
      .poll(async () => deliveries("first", FIRST, "desk"), { timeout: 5_000 })
      .toMatchObject({ last_failure: { reason: "redirected", status: 307 } })
    expect(told.filter(({ path }) => path === "/trap")).toEqual([])
    // Its answer has begun, and that is enough.
    answer = (_, response) => void response.writeHead(200).write("and so on")
    await expect
      .poll(async () => deliveries("first", FIRST, "desk"), { timeout: 15_000 })
      .toMatchObject({ waiting: 0, dead: 0 })
    answer = () => {}
    await pay("first", await open("first", FIRST, "bob"))
    await expect
      .poll(async () => deliveries("first", FIRST, "desk"), { timeout: 20_000, interval: 500 })
      .toMatchObject({ waiting: 1, last_failure: { reason: "timeout" } })
  },
  WITHIN,
)

test(
  "another Narrowgate believes what this one tells: whom one stops has no session at the other, and nobody else",
  async () => {
    await start("first", FIRST, await telling())
    await start("second", SECOND, await hearing())
    const statuses: number[] = []
    const pass = async ({ path, headers, body }: Told, response: ServerResponse): Promise<void> => {
      const { authorization = "", "content-type": type = "" } = headers
      const sent = { method: "POST", headers: { authorization, "content-type": type }, body }
      const { status, json } = await ask("second", path.slice("/second".length), sent)
      statuses.push(status)
      response.writeHead(status).end(JSON.stringify(json))
    }
    answer = (one, response) => {
      if (one.path.startsWith("/second/")) pass(one, response).catch(() => response.destroy())
      else response.writeHead(204).end()
    }
    const [alice, bob] = [await open("second", SECOND), await open("second", SECOND, "bob")]
    expect([await call("second", alice, "/files/a"), await call("second", bob, "/files/a")]).toEqual(["ok", "ok"])
    // A task that ends at the first is no session of the second, nor of anybody there.
    const ended = await open("first", FIRST)
    await revoke("first", FIRST, { task: ended.task })
    await expect.poll(() => statuses, { timeout: 15_000 }).toEqual([202])
    expect(await call("second", alice, "/files/a")).toBe("ok")
    await revoke("first", FIRST, { user: `${IDP}|alice` })
    await expect.poll(() => statuses, { timeout: 15_000 }).toEqual([202, 202])
    expect([await call("second", alice, "/files/a"), await call("second", bob, "/files/a")]).toEqual([
      "invalid_token",
      "ok",
    ])
    await expect
      .poll(async () => deliveries("first", FIRST, "second"), { timeout: 5_000 })
      .toMatchObject({ waiting: 0, dead: 0, last_failure: null })
  },
  WITHIN,
)
