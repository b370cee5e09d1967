/** The configuration of workerd, as Cap'n Proto text: one service, its objects on a disk, and a socket for control. */
import type { Manifest } from "../dev/manifest.ts"
import type { Configuration } from "./configuration.ts"
import { UNIQUE_KEYS } from "./unique-keys.ts"

export interface WorkerdParts {
  readonly configuration: Configuration
  readonly manifest: Manifest
  /** Files by the name under which a module is imported; the first is the entry. */
  readonly modules: Readonly<Record<string, string>>
  /** Where objects are, and the socket that this process alone uses. */
  readonly objects: string
  /** Where sinks of the kind `file` write. */
  readonly files: string
  readonly control: string
  /** Whether others may send requests. */
  readonly isPublic: boolean
  /** Texts of certificate authorities. */
  readonly authorities: readonly string[]
}

/** Headers by which a client could otherwise pass for Cloudflare. */
const TAKEN_OFF = ["CF-Connecting-IP"]
/** Objects of serve/worker/, beside those of wrangler.toml. */
const OWN_OBJECTS = [
  { binding: "ENTRIES", className: "Entries" },
  { binding: "SCHEDULE", className: "Schedule" },
] as const

/** In workerd's words, `private` has all that `local` has. */
const isOfThisMachine = (network: string): boolean => /^(?:local$|private$|127\.|::1(?:\/|$))/.test(network)

/** Values of the Worker's variables and secrets, which are in the environment of its process and in no file. */
export function bindingsOf(configuration: Configuration): Readonly<Record<string, string>> {
  const { issuer, publisher_keys, signing_algorithm, max_probe_requests, record_delay_seconds } = configuration
  return {
    ISSUER: issuer,
    ...(publisher_keys && { PUBLISHER_KEYS: JSON.stringify(publisher_keys) }),
    SIGNING_ALGORITHM: signing_algorithm,
    MAX_PROBE_REQUESTS: String(max_probe_requests),
    RECORD_DELAY_SECONDS: String(record_delay_seconds),
    SCRAPE_KEYS_SHA256: configuration.scrape_keys_sha256.join(" "),
    TRUSTED_PROXIES: JSON.stringify(configuration.trusted_proxies),
    ...(configuration.outbound_networks.some(isOfThisMachine) && { SEND_TO_LOOPBACK: "true" }),
    // Without it no key set is fetched from loopback, so nothing of a trial's identity provider is trusted.
    ...(configuration.isTrial && { LOCAL: "true" }),
    ...configuration.secrets,
  }
}

export function workerdConfig(parts: WorkerdParts): string {
  const { configuration, manifest, modules, objects, files, control, isPublic, authorities } = parts
  const classes = [...manifest.durableObjects, ...OWN_OBJECTS]
  const bindings = [
    ...classes.map(
      ({ binding, className }) => `(name = ${text(binding)}, durableObjectNamespace = ${text(className)})`,
    ),
    `(name = "SINK_FILES", service = "files")`,
    `(name = "BUNDLES", kvNamespace = (name = "main", entrypoint = "bundles"))`,
    ...Object.keys(bindingsOf(configuration)).map((name) => `(name = ${text(name)}, fromEnvironment = ${text(name)})`),
  ]
  const namespaces = classes.map(
    ({ className }) => `(className = ${text(className)}, uniqueKey = ${text(keyOf(className))}, enableSql = true)`,
  )
  const takenOff = TAKEN_OFF.map((name) => `(name = ${text(name)})`)
  const sockets = [
    `(name = "control", address = ${text(`unix:${control}`)}, http = (), service = (name = "main", entrypoint = "control"))`,
    `(name = "http", address = ${text(configuration.listen)}, http = (injectRequestHeaders = [${takenOff.join(", ")}]), service = "main")`,
  ]
  const memory = configuration.memory_megabytes
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = .main),
    (name = "internet", network = (allow = ${texts(configuration.outbound_networks)}, tlsOptions = (
      trustBrowserCas = true, trustedCertificates = ${texts(authorities)}))),
    (name = "objects", disk = (path = ${text(objects)}, writable = true)),
    (name = "files", disk = (path = ${text(files)}, writable = true)),
  ],
  sockets = [
    ${sockets.slice(0, isPublic ? 2 : 1).join(",\n    ")}
  ],
  v8Flags = ${texts(memory === undefined ? [] : [`--max-old-space-size=${memory}`])}
);
const main :Workerd.Worker = (
  modules = [
    ${Object.entries(modules)
      .map(([name, file]) => `(name = ${text(name)}, esModule = embed ${text(file)})`)
      .join(",\n    ")}
  ],
  compatibilityDate = ${text(manifest.compatibilityDate)},
  compatibilityFlags = ${texts(manifest.compatibilityFlags)},
  durableObjectNamespaces = [
    ${namespaces.join(",\n    ")}
  ],
  durableObjectStorage = (localDisk = "objects"),
  bindings = [
    ${bindings.join(",\n    ")}
  ]
);
`
}

function keyOf(className: string): string {
  const key = UNIQUE_KEYS[className]
  if (key === undefined) throw new Error(`serve/unique-keys.ts has no key for ${className}`)
  return key
}

const texts = (values: readonly string[]): string => `[${values.map(text).join(", ")}]`

/** A Cap'n Proto string literal: ASCII, so that no byte is read in two ways. */
function text(value: string): string {
  const bytes = Array.from(Buffer.from(value), (byte) => {
    if (byte === 0x22 || byte === 0x5c) return `\\${String.fromCharCode(byte)}`
    return byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, "0")}`
  })
  return `"${bytes.join("")}"`
}
