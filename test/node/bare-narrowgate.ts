/**
 * Narrowgate in a bare workerd, as its tests configure it: the built Worker with its objects on a disk, what stands for
 * KV, and a bundle of the tests' own policies with keys of this run.
 */
import { createHash, randomUUID } from "node:crypto"
import { join } from "node:path"
import { exportJWK, generateKeyPair, SignJWT, type CryptoKey, type JWK } from "jose"
import { readManifest, type Manifest } from "../../dev/manifest.ts"
import { compilePolicies } from "../../cli/compiler/compile.ts"
import { generatePublisherKey, signPublication } from "../../cli/compiler/sign.ts"
import type { BundleBody } from "../../src/core/policy/bundle.ts"
import { canonicalBytes, digestOf } from "../../src/core/policy/digest.ts"
import { KV, plainWorker } from "./bare-workerd.ts"

const text = (value: string): string => JSON.stringify(value)

export interface BareWorker {
  readonly module: string
  readonly variables: Readonly<Record<string, string>>
  /** The service whose objects it uses; absent: it has its own. */
  readonly objectsOf?: string
  /** The classes that this service has; absent: all. Those of another are its own all the same. */
  readonly shared?: ReadonlySet<string>
  /** The service that stands for the Cache API. */
  readonly cache?: string
  /** Absent: that of this tree. */
  readonly manifest?: Manifest
}

/** The built Worker as a service of a configuration, with the namespaces of wrangler.toml. */
export async function narrowgate({
  module,
  variables,
  objectsOf,
  shared,
  cache,
  manifest,
}: BareWorker): Promise<string> {
  const { compatibilityDate, compatibilityFlags, durableObjects } = manifest ?? (await readManifest())
  const isOwn = (className: string): boolean => objectsOf === undefined || shared?.has(className) === false
  const namespaceOf = (className: string): string =>
    isOwn(className) ? text(className) : `(className = ${text(className)}, serviceName = ${text(objectsOf ?? "")})`
  const bindings = [
    ...durableObjects.map(
      ({ binding, className }) => `(name = ${text(binding)}, durableObjectNamespace = ${namespaceOf(className)})`,
    ),
    `(name = "BUNDLES", kvNamespace = "kv")`,
    ...Object.entries(variables).map(([name, value]) => `(name = ${text(name)}, text = ${text(value)})`),
  ]
  const classes = durableObjects
    .filter(({ className }) => isOwn(className))
    .map(({ className }) => `(className = ${text(className)}, uniqueKey = ${text(className)}, enableSql = true)`)
  const own = [`durableObjectNamespaces = [${classes.join(", ")}]`, `durableObjectStorage = (localDisk = "objects")`]
  return `worker = (${[
    `modules = [(name = "worker.js", esModule = embed ${text(module)})]`,
    `compatibilityDate = ${text(compatibilityDate)}`,
    `compatibilityFlags = [${compatibilityFlags.map(text).join(", ")}]`,
    `bindings = [${bindings.join(", ")}]`,
    ...(cache === undefined ? [] : [`cacheApiOutbound = ${text(cache)}`]),
    ...(classes.length > 0 ? own : []),
  ].join(",\n    ")})`
}

/** What stands for KV, with these entries. */
export async function keyValueStore(entries: Readonly<Record<string, string>>): Promise<string> {
  const { compatibilityDate } = await readManifest()
  const binding = `(name = "ENTRIES", json = ${text(JSON.stringify(entries))})`
  return `worker = ${plainWorker(KV, compatibilityDate, [binding])}`
}

export const disk = (path: string): string => `disk = (path = ${text(path)}, writable = true)`

/** @param sockets the service that answers on each */
export function configure(
  services: Readonly<Record<string, string>>,
  sockets: Readonly<Record<string, string>>,
): string {
  const named = Object.entries(services).map(([name, service]) => `(name = ${text(name)}, ${service})`)
  const listening = Object.entries(sockets).map(
    ([name, service]) => `(name = ${text(name)}, address = "127.0.0.1:0", http = (), service = ${text(service)})`,
  )
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
  ${named.join(",\n  ")}],
  sockets = [
  ${listening.join(",\n  ")}]
);
`
}

/** A bundle, signed by a publisher of its own: the entries of KV, and the variable that makes the Worker trust it. */
export async function published(
  body: BundleBody,
  aud: string,
): Promise<{ readonly entries: Readonly<Record<string, string>>; readonly PUBLISHER_KEYS: string }> {
  const bytes = canonicalBytes(body)
  const digest = await digestOf(bytes)
  const { privateJwk, publicJwk } = await generatePublisherKey()
  const pointer = await signPublication(privateJwk, { seq: 1, digest }, { aud, by: "a test", why: "to start" })
  const entries = { pointer, [`body/${digest}`]: new TextDecoder().decode(bytes) }
  return { entries, PUBLISHER_KEYS: JSON.stringify({ keys: [publicJwk] }) }
}

export interface Signer {
  readonly key: CryptoKey
  readonly jwk: JWK
}

export async function newSigner(kid: string): Promise<Signer> {
  const { privateKey, publicKey } = await generateKeyPair("ES256", { extractable: true })
  return { key: privateKey, jwk: { ...(await exportJWK(publicKey)), kid } }
}

export const seconds = (): number => Math.floor(Date.now() / 1000)

export const sign = async ({ key, jwk }: Signer, claims: object, typ?: string): Promise<string> =>
  new SignJWT({ iat: seconds(), exp: seconds() + 300, jti: randomUUID(), ...claims })
    .setProtectedHeader({ alg: "ES256", kid: jwk.kid ?? "", ...(typ !== undefined && { typ }) })
    .sign(key)

export const hashOf = (key: string): string => createHash("sha256").update(key).digest("hex")

export const AGENT = "spiffe://example.org/agent/first"

/** The tests' own policies, with keys of this run and `first` an agent that signs its own assertions. */
export async function yardOf(users: Signer, agent: Signer, gatewayKey: string): Promise<BundleBody> {
  const { body, problems } = await compilePolicies(join(import.meta.dirname, "../harness/yard"))
  if (!body) throw new Error(`the yard does not compile: ${JSON.stringify(problems)}`)
  const keysOf = ({ jwk }: Signer) => ({ kind: "inline", jwks: { keys: [{ ...jwk }] } }) as const
  const identity = { kind: "private_key_jwt", keys: keysOf(agent), algorithms: ["ES256"] } as const
  return {
    ...body,
    issuers: body.issuers.map((issuer) => (issuer.id === "idp" ? { ...issuer, keys: keysOf(users) } : issuer)),
    agents: body.agents.map((each) => (each.id === AGENT ? { ...each, identities: [identity] } : each)),
    gateways: body.gateways.map((each) =>
      each.id === "traefik" ? { ...each, key_sha256: [hashOf(gatewayKey)] } : each,
    ),
  }
}
