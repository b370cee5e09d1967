/**
 * The configuration of `narrowgate serve`: one YAML file, and the environment, which takes precedence. Secrets are in the
 * environment alone.
 */
import { randomBytes } from "node:crypto"
import { readFile } from "node:fs/promises"
import { BlockList } from "node:net"
import { dirname, resolve } from "node:path"
import { parseDocument } from "yaml"
import { z } from "zod"
import { EXIT, Failure } from "../cli/terminal/failure.ts"
import { PROBE_SECRET } from "../src/core/catalog/mcp-server.ts"
import { addressOf } from "./worker/client-address.ts"

export const DEFAULT_FILE = "narrowgate.yaml"

const address = z.string().refine(isAddress, "must be an IP address, such as 127.0.0.1")
const network = z
  .string()
  .refine(
    (text) => ["public", "private", "local", "network"].includes(text) || isNetwork(text),
    "must be public, private, local, network, or a network such as 10.1.0.0/16",
  )

const isOrigin = (url: string): boolean => new URL(url).pathname === "/" && !url.endsWith("/")

const schema = z.strictObject({
  /** The public URL of this Worker: `iss` of every delegation token, audience of every assertion. */
  issuer: z
    .url({ protocol: /^https$/, error: "must be an https URL" })
    .refine(isOrigin, "must be an origin, without a slash at its end"),
  /** Where objects are stored, on a disk of this machine. */
  directory: z.string().min(1).default("data"),
  /** Address and port; plain HTTP. What terminates TLS stands in front. */
  listen: z
    .string()
    .regex(/^(?:\*|[^\s:]+|\[[0-9A-Fa-f:.]+\]):\d{1,5}$/, "must be ADDRESS:PORT, such as 127.0.0.1:8787")
    .default("127.0.0.1:8787"),
  /** JWK Set of those who may publish bundles; with an empty one, nobody. Absent: the first operator claims the deployment. */
  publisher_keys: z
    .strictObject({ keys: z.array(z.record(z.string(), z.unknown()).refine(isPublic, "must not have a private part")) })
    .optional(),
  signing_algorithm: z.enum(["ES256", "EdDSA"]).default("ES256"),
  max_probe_requests: z.int().min(10).max(10_000).default(1_000),
  /** Seconds that records of reads may wait for others. */
  record_delay_seconds: z.int().min(0).max(60).default(0),
  /** SHA-256, in hex, of each key with which Prometheus may read /metrics. */
  scrape_keys_sha256: z.array(z.string().regex(/^[0-9a-f]{64}$/, "must be a SHA-256 in lower-case hex")).default([]),
  /** Addresses of the proxies whose `X-Forwarded-For` is believed. */
  trusted_proxies: z.array(address.transform(addressOf)).default(["127.0.0.1", "::1"]),
  /** Networks that the Worker may request: identity providers, probed servers, receivers of notices, sinks. */
  outbound_networks: z.array(network).min(1).default(["public"]),
  /** Files (PEM) of further certificate authorities that it believes in. */
  certificate_authorities: z.array(z.string().min(1)).default([]),
  /** Megabytes of heap. Beyond, the process is ended and started again. */
  memory_megabytes: z.int().min(128).max(65_536).optional(),
  /** Seconds that requests in progress have to end when it is stopped. */
  stop_seconds: z.int().min(1).max(600).default(20),
})

const trialSchema = schema.extend({ issuer: z.string().optional() })

/** With `--trial` the Worker trusts an identity provider on loopback, so both are reachable from this machine only. */
function confineTrial({
  issuer,
  listen,
  outbound_networks,
  ...members
}: z.infer<typeof trialSchema>): z.infer<typeof schema> {
  const origin = `http://${listen}`
  const refuse = (what: string): never => {
    const why = "--trial lets anybody who can connect sign in as anybody, so"
    throw new Failure(`${why} ${what}`, "Leave --trial out, or leave `issuer` and `listen` out.", EXIT.usage)
  }
  if (!/^127\.0\.0\.1:[1-9]\d*$/.test(listen) || !URL.canParse(origin))
    return refuse(`it listens on a port of 127.0.0.1 only, not on ${listen}`)
  if (issuer !== undefined && issuer !== origin) return refuse(`its issuer is ${origin}, not ${issuer}`)
  return { ...members, listen, issuer: origin, outbound_networks: [...new Set([...outbound_networks, "local"])] }
}

export type Configuration = z.infer<typeof schema> & {
  /** Brought by `--trial`: identity provider and Worker are on loopback. */
  readonly isTrial: boolean
  /** Secrets of the Worker, by the name of their binding. */
  readonly secrets: Readonly<Record<string, string>>
  /** The one of them that was made for this start, to be logged; null: the operator has set it. */
  readonly madeClaim: string | null
}

type Environment = Readonly<Record<string, string | undefined>>

const text = (value: string): unknown => value
const list = (value: string): unknown => value.split(",").map((each) => each.trim())

const words = (value: string): unknown => value.trim().split(/\s+/)

/** Variables by the member that they replace. */
const VARIABLES: Readonly<
  Record<string, readonly [member: keyof z.infer<typeof schema>, read: (value: string) => unknown]>
> = {
  ISSUER: ["issuer", text],
  NARROWGATE_DIRECTORY: ["directory", text],
  NARROWGATE_LISTEN: ["listen", text],
  NARROWGATE_TRUSTED_PROXIES: ["trusted_proxies", list],
  PUBLISHER_KEYS: ["publisher_keys", JSON.parse],
  SIGNING_ALGORITHM: ["signing_algorithm", text],
  MAX_PROBE_REQUESTS: ["max_probe_requests", Number],
  RECORD_DELAY_SECONDS: ["record_delay_seconds", Number],
  SCRAPE_KEYS_SHA256: ["scrape_keys_sha256", words],
}
/** With their variables. */
export const MEMBERS: readonly (readonly [member: string, variable: string | undefined])[] = Object.keys(
  schema.shape,
).map((member) => [member, Object.keys(VARIABLES).find((name) => VARIABLES[name]?.[0] === member)])
/** JSON objects of texts. */
const SECRETS: ReadonlySet<string> = new Set(["WEBHOOK_SECRETS", "SIGN_IN_SECRETS", "SINK_SECRETS"])
/** With which the first operator claims a deployment that names no publisher. */
const CLAIM = "CLAIM"

/** @param file null: the default, if it is there */
export async function readConfiguration(
  file: string | null,
  environment: Environment,
  isTrial = false,
): Promise<Configuration> {
  const path = file ?? DEFAULT_FILE
  const inFile = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (file === null && error.code === "ENOENT") return null
    throw new Failure(`${path} cannot be read: ${error.message}`, "Name it with --config.", EXIT.usage)
  })
  const given = { ...(inFile === null ? {} : membersOf(inFile, path)), ...membersIn(environment) }
  const { data: read, error } = (isTrial ? trialSchema : schema).safeParse(given)
  if (!read) throw new Failure(problemsOf(error, inFile === null ? "the configuration" : path), FIX, EXIT.usage)
  const data = isTrial ? confineTrial(read) : schema.parse(read)
  const from = inFile === null || environment["NARROWGATE_DIRECTORY"] !== undefined ? "." : dirname(path)
  const secrets = secretsIn(environment)
  const madeClaim = data.publisher_keys || secrets[CLAIM] !== undefined ? null : randomBytes(32).toString("hex")
  return {
    ...data,
    isTrial,
    directory: resolve(from, data.directory),
    certificate_authorities: data.certificate_authorities.map((each) => resolve(dirname(path), each)),
    secrets: madeClaim === null ? secrets : { ...secrets, [CLAIM]: madeClaim },
    madeClaim,
  }
}

const FIX = "docs/guides/serve.md says what each member means."

function membersOf(inFile: string, path: string): Readonly<Record<string, unknown>> {
  const document = parseDocument(inFile)
  const [problem] = document.errors
  const members: unknown = problem ? null : (document.toJS() ?? {})
  if (typeof members === "object" && members !== null && !Array.isArray(members)) return { ...members }
  throw new Failure(`${path} is not a YAML mapping${problem ? `: ${problem.message}` : ""}`, FIX, EXIT.usage)
}

function membersIn(environment: Environment): Readonly<Record<string, unknown>> {
  return Object.fromEntries(
    Object.entries(VARIABLES).flatMap(([name, [member, read]]) => {
      const value = environment[name]
      return value === undefined || value === "" ? [] : [[member, readVariable(name, value, read)]]
    }),
  )
}

function readVariable(name: string, value: string, read: (value: string) => unknown): unknown {
  try {
    return read(value)
  } catch {
    throw new Failure(`${name} in the environment is not JSON`, FIX, EXIT.usage)
  }
}

function secretsIn(environment: Environment): Readonly<Record<string, string>> {
  const secrets: Record<string, string> = {}
  for (const [name, value] of Object.entries(environment)) {
    if (value === undefined || value === "") continue
    if (name !== CLAIM && !SECRETS.has(name) && !PROBE_SECRET.test(name)) continue
    if (SECRETS.has(name) && !isObjectOfTexts(value)) {
      // The value is a secret: the message has none of it.
      throw new Failure(`${name} in the environment is not a JSON object of texts`, FIX, EXIT.usage)
    }
    secrets[name] = value
  }
  return secrets
}

function isObjectOfTexts(value: string): boolean {
  try {
    return z.record(z.string(), z.string().min(1)).safeParse(JSON.parse(value)).success
  } catch {
    return false
  }
}

function problemsOf(error: z.ZodError, where: string): string {
  const lines = error.issues.map(({ path, message }) => {
    const variable = MEMBERS.find(([member]) => member === path[0])?.[1]
    const name = path.length === 0 ? "" : `${path.join(".")}${variable === undefined ? "" : ` (${variable})`}: `
    return `  ${name}${message}`
  })
  return `${where} is not valid:\n${lines.join("\n")}`
}

function isAddress(given: string): boolean {
  return isNetwork(`${given}/${given.includes(":") ? 128 : 32}`)
}

function isNetwork(given: string): boolean {
  const [, host, bits] = /^([0-9A-Fa-f:.]+)\/(\d{1,3})$/.exec(given) ?? []
  try {
    new BlockList().addSubnet(host ?? "", Number(bits), host?.includes(":") === true ? "ipv6" : "ipv4")
    return true
  } catch {
    return false
  }
}

function isPublic(jwk: Readonly<Record<string, unknown>>): boolean {
  return !("d" in jwk) && !("k" in jwk)
}
