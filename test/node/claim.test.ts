/**
 * The first run, over real HTTP: the built Worker in bare workerd with nothing but the secret CLAIM, from the first
 * request to the first allowed call, and what strangers try meanwhile.
 */
import { createHmac, randomBytes, randomUUID } from "node:crypto"
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { request } from "node:http"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { CompactSign, importJWK, type CompactJWSHeaderParameters, type JWK } from "jose"
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest"
import type { ServerProcess } from "../../bench/servers/process.ts"
import { generatePublisherKey, signClaim, type PublisherKey, type SignedClaim } from "../../cli/compiler/sign.ts"
import { historyAt, publishTo } from "../../cli/remote/publish.ts"
import { isStrong } from "../../src/core/keys/secret-strength.ts"
import { canonicalBytes, digestOf } from "../../src/core/policy/digest.ts"
import {
  AGENT,
  configure,
  disk,
  keyValueStore,
  narrowgate,
  newSigner,
  seconds,
  sign,
  yardOf,
} from "./bare-narrowgate.ts"
import { BUILD_WITHIN_MS, buildWorker, serve } from "./bare-workerd.ts"
import { run } from "./cli/run.ts"

const CLAIM = randomBytes(32).toString("hex")
const GATEWAY_KEY = randomBytes(24).toString("base64url")
const [users, agent] = [await newSigner("users-1"), await newSigner("agent-1")]

let directory: string
let module: string
let running: ServerProcess | null = null
let port = 0

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "narrowgate-claim-"))
  module = await buildWorker(directory)
}, BUILD_WITHIN_MS + 5_000)
afterAll(async () => rm(directory, { recursive: true, force: true, maxRetries: 3 }))
afterEach(stop)

/** @param objects a directory of an earlier life; absent: a new one */
async function start(variables: Readonly<Record<string, string>>, objects: string = randomUUID()): Promise<string> {
  await mkdir(join(directory, objects), { recursive: true })
  const services = {
    main: await narrowgate({ module, variables }),
    kv: await keyValueStore({}),
    objects: disk(join(directory, objects)),
  }
  const configuration = join(directory, `${objects}.capnp`)
  await writeFile(configuration, configure(services, { http: "main" }))
  const { server, ports } = await serve(configuration, directory, ["http"])
  running = server
  port = ports.http
  return objects
}

/** As a power cut would: by its pid. */
async function stop(): Promise<void> {
  if (!running) return
  process.kill(running.pid, "SIGKILL")
  await running[Symbol.asyncDispose]()
  running = null
}

const origin = (): string => `http://127.0.0.1:${port}`

interface Answer {
  readonly status: number
  readonly code: string | undefined
  readonly text: string
}

/** With the headers as they are written: `fetch` would not send another `Host`. */
async function send(path: string, body: unknown, headers: Readonly<Record<string, string>> = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const method = body === undefined ? "GET" : "POST"
    const sent = request({ host: "127.0.0.1", port, path, method, headers }, (response) => {
      let text = ""
      response.setEncoding("utf8").on("data", (chunk: string) => (text += chunk))
      response.on("end", () => {
        const code = response.headers["x-narrowgate-code"]
        resolve({ status: response.statusCode ?? 0, code: code === undefined ? code : String(code), text })
      })
    })
    sent.once("error", reject)
    sent.end(body === undefined ? undefined : typeof body === "string" ? body : JSON.stringify(body))
  })
}

const claim = async (body: unknown, headers?: Readonly<Record<string, string>>): Promise<Answer> =>
  send("/v1/claim", body, headers)

const errorOf = ({ status, text }: Answer): readonly [number, string] => {
  const { error }: { readonly error?: unknown } = JSON.parse(text)
  return [status, String(error)]
}

const proofBy = (secret: string, statement: string): string =>
  createHmac("sha256", secret).update(statement).digest("base64url")

/** A statement whose header and claims are as given. */
async function stated(
  { privateJwk, publicJwk }: PublisherKey,
  header: Partial<CompactJWSHeaderParameters>,
  claims: object,
  by: JWK = privateJwk,
): Promise<SignedClaim> {
  const { kty = "EC", crv = "", x = "", y = "", kid = "" } = publicJwk
  const statement = await new CompactSign(
    new TextEncoder().encode(JSON.stringify({ aud: origin(), iat: seconds(), ...claims })),
  )
    .setProtectedHeader({
      alg: "ES256",
      typ: "narrowgate-claim+jwt",
      kid,
      jwk: { kty, crv, x, y },
      ...header,
    })
    .sign(await importJWK(by, "ES256"))
  return { statement, proof: proofBy(CLAIM, statement) }
}

const isUnclaimed = async (): Promise<boolean> => errorOf(await send("/readyz", undefined))[1] === "unclaimed"

describe("before anybody has claimed it", () => {
  test("it serves nothing but the claim and that it is alive, and says what to do", async () => {
    await start({ CLAIM })
    for (const path of [
      "/readyz",
      "/authz/forward",
      "/.well-known/oauth-authorization-server",
      "/.well-known/authzen-configuration",
      "/.well-known/jwks.json",
      "/.well-known/oauth-protected-resource/desk",
      "/v1/decisions",
      "/console",
      "/openapi.json",
      "/nowhere",
    ]) {
      const answer = await send(path, undefined)
      expect([path, ...errorOf(answer)]).toEqual([path, 503, "unclaimed"])
      expect(answer.text).toContain("narrowgate claim --url")
      expect(answer.text).not.toContain("Set the secret CLAIM")
    }
    for (const path of ["/oauth/token", "/oauth/register", "/v1/bundles", "/access/v1/evaluation", "/v1/events"])
      expect([path, ...errorOf(await send(path, "grant_type=x"))]).toEqual([path, 503, "unclaimed"])
    // Envoy takes a status above 500 for no answer, and may then let the call pass.
    expect(errorOf(await send("/authz/envoy/pay", undefined))).toEqual([403, "unclaimed"])
    // A client's path may lead the request of Envoy elsewhere, where a zone resolves `..`: to what strangers may see, too.
    const ofGateway = { "X-Narrowgate-Key": GATEWAY_KEY }
    for (const path of ["/healthz", "/v1/claim", "/readyz", "/authz/envoy*", "/nowhere"])
      expect([path, ...errorOf(await send(path, undefined, ofGateway))]).toEqual([path, 403, "unclaimed"])
    expect(errorOf(await send("/authz/forward", undefined, ofGateway))).toEqual([503, "unclaimed"])
    expect(await send("/healthz", undefined)).toMatchObject({
      status: 200,
      text: '{"status":"alive","loopback":"nothing"}',
    })
    expect(await isUnclaimed()).toBe(true)
  })

  test.each(["", "tiny", "0".repeat(64), "passwordpasswordpasswordpassword", randomUUID()])(
    "by the secret %j nobody can, and the answers say which one to set",
    async (secret) => {
      await start(secret === "" ? {} : { CLAIM: secret })
      const { privateJwk } = await generatePublisherKey()
      const answer = await claim(await signClaim(privateJwk, origin(), secret))
      expect(errorOf(answer)).toEqual([503, "secret_needed"])
      expect(answer.text).toContain("openssl rand -hex 32")
      expect((await send("/readyz", undefined)).text).toContain("Set the secret CLAIM")
      expect(await isUnclaimed()).toBe(true)
    },
  )

  test("secrets that are made as the answers say are strong enough, each time", () => {
    const made = Array.from({ length: 2_000 }, () => [
      randomBytes(16).toString("hex"),
      randomBytes(32).toString("hex"),
      randomBytes(24).toString("base64"),
      randomBytes(16).toString("base64url"),
    ]).flat()
    expect(made.filter((secret) => !isStrong(secret))).toEqual([])
    expect(
      ["12345678901234567890123456789012345678", "abcdefghijklmnopqrstuvwxyz", "a b".repeat(30)].filter(isStrong),
    ).toEqual([])
  })
})

describe("a claim that changes nothing", () => {
  const ATTACKS: Readonly<Record<string, readonly [status: number, error: string, make: () => Promise<unknown>]>> = {
    "by another secret": [
      403,
      "claim_refused",
      async () => signClaim(key.privateJwk, origin(), randomBytes(32).toString("hex")),
    ],
    "without a proof": [400, "invalid_request", async () => ({ statement: (await stated(key, {}, {})).statement })],
    "whose proof is of another statement": [
      403,
      "claim_refused",
      async () => ({ ...(await stated(key, {}, {})), proof: proofBy(CLAIM, "another") }),
    ],
    "whose proof is by the statement itself": [
      403,
      "claim_refused",
      async () => {
        const { statement } = await stated(key, {}, {})
        return { statement, proof: proofBy(statement, statement) }
      },
    ],
    "signed by another key than it names": [
      400,
      "invalid_request",
      async () => stated(key, {}, {}, (await generatePublisherKey()).privateJwk),
    ],
    "that is not signed": [
      400,
      "invalid_request",
      async () => {
        const { statement } = await stated(key, {}, {})
        const [, payload] = statement.split(".")
        const none = `${Buffer.from('{"alg":"none","typ":"narrowgate-claim+jwt"}').toString("base64url")}.${payload}.`
        return { statement: none, proof: proofBy(CLAIM, none) }
      },
    ],
    "with the private half of the key": [400, "invalid_request", async () => stated(key, { jwk: key.privateJwk }, {})],
    "of another type": [400, "invalid_request", async () => stated(key, { typ: "narrowgate-pointer+jwt" }, {})],
    "for another URL": [400, "invalid_request", async () => signClaim(key.privateJwk, "https://authz.example", CLAIM)],
    "for the URL with a slash": [400, "invalid_request", async () => stated(key, {}, { aud: `${origin()}/` })],
    "that is ten minutes old": [400, "invalid_request", async () => stated(key, {}, { iat: seconds() - 600 })],
    "from the future": [400, "invalid_request", async () => stated(key, {}, { iat: seconds() + 600 })],
    "that is no JSON": [400, "invalid_request", async () => "{"],
    "with a member twice": [
      400,
      "invalid_request",
      async () => {
        const { statement, proof } = await stated(key, {}, {})
        return `{"statement":"${statement}","proof":"AAAA","proof":"${proof}"}`
      },
    ],
    "that is a megabyte": [400, "invalid_request", async () => ({ statement: "a".repeat(1_000_000), proof: "" })],
  }
  let key: PublisherKey

  test("is one of these", async () => {
    key = await generatePublisherKey()
    await start({ CLAIM })
    for (const [name, [status, error, make]] of Object.entries(ATTACKS)) {
      expect([name, ...errorOf(await claim(await make()))]).toEqual([name, status, error])
    }
    expect(await isUnclaimed()).toBe(true)
    // None of them was in the way of the right one.
    expect(await claim(await signClaim(key.privateJwk, origin(), CLAIM))).toMatchObject({ status: 200 })
  })

  test.each([
    ["authz.example", "http://authz.example"],
    ["authz.example", "https://authz.example"],
    ["evil.example:443", "https://evil.example"],
    ["a b", "http://127.0.0.1"],
    ["127.0.0.1:9000,evil", "http://127.0.0.1:9000"],
    ["%", "null"],
    ["127.0.0.1.evil.example", "http://127.0.0.1.evil.example"],
    ["localhost.evil.example", "http://localhost.evil.example"],
    ["0x7f000001.evil.example", "http://0x7f000001.evil.example"],
  ])("says that it comes to the host %s, for %s", async (host, aud) => {
    await start({ CLAIM })
    const { privateJwk } = await generatePublisherKey()
    const forwarded = { "X-Forwarded-Proto": "https", "X-Forwarded-Host": "authz.example", Forwarded: "proto=https" }
    const answer = await claim(await signClaim(privateJwk, aud, CLAIM), { Host: host, ...forwarded })
    expect(answer.status).toBe(400)
    expect(errorOf(await send("/authz/envoy/pay", undefined, { Host: host }))).toEqual([403, "unclaimed"])
    expect(await isUnclaimed()).toBe(true)
  })

  test("is the twenty-first wrong one within a minute, and not the right one after it", async () => {
    await start({ CLAIM })
    const { privateJwk } = await generatePublisherKey()
    const wrong = await signClaim(privateJwk, origin(), randomBytes(32).toString("hex"))
    const answers = await Promise.all(Array.from({ length: 40 }, async () => claim(wrong)))
    const errors = Object.groupBy(answers, (answer) => errorOf(answer).join(" "))
    expect([errors["403 claim_refused"]?.length, errors["429 rate_limited"]?.length]).toEqual([20, 20])
    expect(await claim(await signClaim(privateJwk, origin(), CLAIM))).toMatchObject({ status: 200 })
    expect(errorOf(await claim(wrong))).toEqual([429, "rate_limited"])
  })
})

describe("a claim that counts", () => {
  test("is one of fifty at once, for good, and its secret is of no more use", async () => {
    const objects = await start({ CLAIM })
    const keys = await Promise.all(Array.from({ length: 50 }, generatePublisherKey))
    const claims = await Promise.all(keys.map(async ({ privateJwk }) => signClaim(privateJwk, origin(), CLAIM)))
    const answers = await Promise.all(claims.map(async (each) => claim(each)))
    const won = answers.flatMap(({ status, text }) => (status === 200 ? [JSON.parse(text)] : []))
    expect(won).toHaveLength(1)
    const winner = keys.find(({ publicJwk }) => publicJwk.kid === won[0].kid)
    expect(won[0]).toEqual({ issuer: origin(), kid: winner?.publicJwk.kid })
    const metadata = async (): Promise<string> =>
      (await send("/.well-known/oauth-authorization-server", undefined, { Host: "evil.example" })).text
    const issuer = origin()
    expect(JSON.parse(await metadata())).toMatchObject({ issuer, token_endpoint: `${issuer}/oauth/token` })
    await stop()
    // In another life, at another port, it is the same.
    await start({ CLAIM }, objects)
    expect(JSON.parse(await metadata())).toMatchObject({ issuer })
    const again = await signClaim(keys[0]?.privateJwk ?? {}, origin(), CLAIM)
    const wrong = await signClaim(keys[0]?.privateJwk ?? {}, origin(), randomBytes(32).toString("hex"))
    const [used, guessed] = [await claim(again), await claim(wrong)]
    expect(errorOf(used)).toEqual([403, "claim_refused"])
    expect(used).toEqual(guessed)
    await stop()
    // Whether the secret is still set, or is a weak one by now, nobody learns either.
    for (const variables of [{}, { CLAIM: "tiny" }]) {
      await start(variables, objects)
      expect(await claim({ ...again, ...(await signClaim(keys[0]?.privateJwk ?? {}, origin(), "x")) })).toEqual(used)
      expect(JSON.parse(await metadata())).toMatchObject({ issuer })
      await stop()
    }
  })

  test("is not made where the configuration says whose it is", async () => {
    const { privateJwk, publicJwk } = await generatePublisherKey()
    const PUBLISHER_KEYS = JSON.stringify({ keys: [publicJwk] })
    await start({ CLAIM, ISSUER: "https://authz.example", PUBLISHER_KEYS })
    expect(errorOf(await claim(await signClaim(privateJwk, origin(), CLAIM)))).toEqual([409, "configured"])
    const { text } = await send("/.well-known/oauth-authorization-server", undefined)
    expect(JSON.parse(text)).toMatchObject({ issuer: "https://authz.example" })
  })

  test("takes from the configuration what that says, and nothing else", async () => {
    const [named, other] = [await generatePublisherKey(), await generatePublisherKey()]
    const ISSUER = "https://authz.example"
    const objects = await start({ CLAIM, ISSUER })
    expect(errorOf(await claim(await signClaim(named.privateJwk, origin(), CLAIM)))).toEqual([400, "invalid_request"])
    expect(await claim(await signClaim(named.privateJwk, ISSUER, CLAIM))).toMatchObject({ status: 200 })
    await stop()
    // What is stated later is in force: so a lost key is replaced.
    await start({ PUBLISHER_KEYS: JSON.stringify({ keys: [other.publicJwk] }) }, objects)
    const history = async ({ privateJwk }: PublisherKey): Promise<unknown> => historyAt(origin(), privateJwk, ISSUER)
    await expect(history(named)).rejects.toThrow("401")
    await expect(history(other)).resolves.toMatchObject({ seq: 0 })
    await stop()
    await start({ CLAIM, PUBLISHER_KEYS: JSON.stringify({ keys: [other.publicJwk] }) })
    expect(errorOf(await claim(await signClaim(named.privateJwk, origin(), CLAIM)))).toEqual([400, "invalid_request"])
    expect(await claim(await signClaim(other.privateJwk, origin(), CLAIM))).toMatchObject({ status: 200 })
  })
})

test("with the secret alone, the command leads from the first request to an allowed call", async () => {
  await start({ CLAIM })
  const command = async (secret: string | undefined, ...args: readonly string[]) =>
    run(directory, ["claim", "--url", origin(), ...args], secret === undefined ? {} : { NARROWGATE_CLAIM: secret })
  expect(await command("wrong".repeat(12))).toMatchObject({ code: 1, stderr: expect.stringContaining("403") })
  expect(await isUnclaimed()).toBe(true)
  const done = await command(CLAIM)
  expect(done).toMatchObject({
    code: 0,
    stdout: expect.stringContaining(
      `next: narrowgate publish --url ${origin()} --key publisher.jwk --why "the first rules"`,
    ),
  })
  expect(done.stdout).toContain("where `narrowgate serve` runs, unset it")
  expect(done.stdout + done.stderr).not.toContain(CLAIM)
  // An answer that was lost is found again, by the same key and by no other.
  expect(await command(CLAIM)).toMatchObject({ code: 0, stdout: expect.stringContaining("is yours already") })
  expect(await command(CLAIM, "--key", "other.jwk")).toMatchObject({ code: 1 })

  const key: JWK = JSON.parse(await readFile(join(directory, "publisher.jwk"), "utf8"))
  const body = await yardOf(users, agent, GATEWAY_KEY)
  const bytes = canonicalBytes(body)
  const to = {
    url: origin(),
    key,
    what: "pointer" as const,
    digest: await digestOf(bytes),
    bytes,
    reason: { by: "a test", why: "to start" },
  }
  await publishTo(to)
  await expect.poll(async () => (await send("/readyz", undefined)).status, { timeout: 15_000 }).toBe(200)
  const exchange = new URLSearchParams({
    grant_type: "urn:ietf:params:oauth:grant-type:token-exchange",
    subject_token: await sign(users, { iss: "https://idp.test", sub: "alice", aud: "app", groups: ["staff"] }),
    subject_token_type: "urn:ietf:params:oauth:token-type:id_token",
    client_assertion: await sign(agent, { iss: AGENT, sub: AGENT, aud: origin() }),
    client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    audience: "https://api.test/",
  })
  const opened = await fetch(`${origin()}/oauth/token`, { method: "POST", body: exchange })
  const { access_token }: { readonly access_token?: string } = Object(await opened.json())
  const headers = {
    "X-Narrowgate-Key": GATEWAY_KEY,
    "X-Forwarded-Method": "GET",
    "X-Forwarded-Uri": "/files/a",
    "X-Forwarded-Host": "api.test",
    Authorization: `Bearer ${access_token}`,
  }
  expect(await send("/authz/forward", undefined, headers)).toMatchObject({ status: 200, text: "" })
})
