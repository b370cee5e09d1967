/** `narrowgate serve --trial`: its identity provider is trusted while it runs with that option, and not afterwards. */
import { spawn, type ChildProcess } from "node:child_process"
import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { afterEach, expect, test } from "vitest"
import { generatePublisherKey } from "../../../cli/compiler/sign.ts"
import { exchange } from "../../../cli/commands/token-exchange.ts"
import { WRITTEN_PROVIDER, WRITTEN_WORKER } from "../../../cli/remote/local-stack-policies.ts"
import { login, workloadIdentity } from "../../../cli/remote/local-stack-login.ts"
import { startIdentityProvider } from "../../../dev/identity-provider.ts"
import { type Listening, stop, twoFreePorts } from "../../../dev/loopback.ts"
import { publishTo } from "../../../cli/remote/publish.ts"
import { publish } from "../../../dev/publisher.ts"

const ROOT = join(import.meta.dirname, "../../..")
const AGENT = "spiffe://example.org/agent/support"
const REAL = "https://authz.example"

let child: ChildProcess | undefined
let other: Listening | undefined
let place: string | undefined
afterEach(async () => {
  if (child) await stop(child)
  await other?.close()
  if (place !== undefined) await rm(place, { recursive: true, force: true, maxRetries: 5 })
})

type Line = Readonly<Record<string, unknown>>

/** @returns the lines of its log up to `serving`, to which later ones are added */
async function serve(cwd: string, env: Readonly<Record<string, string>>, ...args: string[]): Promise<readonly Line[]> {
  const started = (child = spawn(process.execPath, [join(ROOT, "bin/narrowgate.ts"), "serve", ...args], {
    cwd,
    env: { PATH: process.env["PATH"] ?? "", HOME: cwd, TMPDIR: cwd, NO_COLOR: "1", ...env },
    stdio: ["ignore", "pipe", "inherit"],
  }))
  const lines: Line[] = []
  return new Promise((done, fail) => {
    started.once("exit", (code) => fail(new Error(`it ended with ${code}: ${JSON.stringify(lines)}`)))
    createInterface({ input: started.stdout }).on("line", (text) => {
      lines.push(JSON.parse(text))
      if (lines.at(-1)?.["event"] === "serving") done(lines)
    })
  })
}

async function end(): Promise<void> {
  if (child) await stop(child)
}

test("after a restart without --trial, tokens of the trial provider, and of another one at its address, are refused", async () => {
  const cwd = (place = await mkdtemp(join(tmpdir(), "narrowgate-trial-")))
  const port = await twoFreePorts()
  const url = `http://127.0.0.1:${port}`
  const idp = `http://127.0.0.1:${port + 1}`
  const { publicJwk, privateJwk: key } = await generatePublisherKey()
  const env = { NARROWGATE_LISTEN: `127.0.0.1:${port}`, PUBLISHER_KEYS: JSON.stringify({ keys: [publicJwk] }) }
  const publishFor = async (worker: string, audience: string) =>
    publish(join(ROOT, "starters/support-refunds"), {
      url,
      key,
      audience,
      origins: new Map([
        [WRITTEN_WORKER, worker],
        [WRITTEN_PROVIDER, idp],
      ]),
    })
  const request = { url, idp, agent: AGENT, user: { issuer: null, subject: "alice" } }

  const lines = await serve(cwd, env, "--trial")
  expect(lines).toContainEqual(
    expect.objectContaining({
      event: "trial",
      identity_provider: idp,
      warning: expect.stringContaining("anybody on this machine can sign in as anybody"),
    }),
  )
  expect((await publishFor(url, url)).pointer).not.toBeNull()
  await expect
    .poll(async () => exchange(request).catch(String), { timeout: 20_000 })
    .toMatchObject({
      access_token: expect.any(String),
    })
  // For the restart: published by the trial, because a Worker without --trial rejects it as new.
  const kept = (await publishFor(REAL, url)).pointer
  const session = await login({ origin: idp, user: "alice", secondFactor: false })
  const identity = await workloadIdentity({ origin: idp, id: AGENT, audience: REAL })
  await end()

  // The hardest configuration: its operator lets the Worker reach this machine.
  await writeFile(join(cwd, "narrowgate.yaml"), "outbound_networks: [public, local]\n")
  const later = await serve(cwd, { ...env, ISSUER: REAL })
  expect(later.filter(({ event }) => event === "trial")).toEqual([])
  await expect(publishFor(REAL, REAL)).rejects.toThrow("never requests")
  const reason = { by: "a test", why: "back to a bundle of the trial" }
  const back = { url, key, what: "pointer", reason, over: "any", audience: REAL } as const
  await publishTo({ ...back, digest: kept?.digest ?? "" })
  other = await startIdentityProvider({ port: port + 1, audience: REAL })
  await expect.poll(async () => (await fetch(`${url}/readyz`)).status, { timeout: 30_000 }).toBe(200)
  const foreign = {
    subject: (await login({ origin: idp, user: "alice", secondFactor: false })).access_token,
    identity: await workloadIdentity({ origin: idp, id: AGENT, audience: REAL }),
  }
  for (const credentials of [foreign, { subject: session.access_token, identity }]) {
    const response = await fetch(`${url}/oauth/token`, { method: "POST", body: form(credentials) })
    const { error }: { readonly error?: string } = Object(await response.json())
    expect([response.status, error]).toEqual([REFUSED.status, REFUSED.error])
  }
  // The answer may be here before the log's line.
  await expect
    .poll(() => later, { timeout: 20_000 })
    .toContainEqual(
      expect.objectContaining({ event: "keys_not_fetched", error: expect.stringContaining("may not be fetched") }),
    )
})

/** The keys of an agent on loopback cannot be fetched, so nothing is issued. */
const REFUSED = { status: 503, error: "temporarily_unavailable" }

function form({ subject, identity }: { readonly subject: string; readonly identity: string }): URLSearchParams {
  return new URLSearchParams({
    grant_type: "urn:ietf:params:oauth:grant-type:token-exchange",
    client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-spiffe",
    client_assertion: identity,
    subject_token: subject,
    subject_token_type: "urn:ietf:params:oauth:token-type:access_token",
  })
}
