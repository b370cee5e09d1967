/**
 * One Worker in a bare `workerd serve`, on a port of loopback that the system chooses. Not miniflare: its own entry
 * point triples the cost of a no-op and would hide what is measured.
 */
import { mkdir, writeFile } from "node:fs/promises"
import { createRequire } from "node:module"
import { join } from "node:path"
import { addAbortSignal, type Readable } from "node:stream"
import type { Lab } from "../lab.ts"
import type { Manifest } from "../../dev/manifest.ts"
import { startProcess, type ServerProcess } from "./process.ts"

export interface WorkerServer extends Manifest {
  /** Path of its one ES module. */
  readonly module: string
  /** Objects on disk, with SQLite; the same on a disk in memory; or in memory, without. */
  readonly storage: "disk" | "volatile" | "memory"
  readonly variables: Readonly<Record<string, string>>
  /** KV namespaces by binding, with what they hold at first. */
  readonly namespaces: Readonly<Record<string, Readonly<Record<string, string>>>>
  /** Its heap can be looked at, by V8's inspector. */
  readonly inspected?: boolean
  /** Its objects stay in memory however long nobody asks them, until they leave it themselves. */
  readonly keepsObjects?: boolean
}

export interface Workerd extends ServerProcess {
  readonly port: number
  /** Of V8's inspector, on loopback; null: there is none. */
  readonly inspector: number | null
  /** Where its configuration and its objects are. */
  readonly directory: string
}

export async function startWorkerd(lab: Lab, worker: WorkerServer): Promise<Workerd> {
  const directory = worker.storage === "volatile" ? lab.placeInMemory("workerd") : lab.place("workerd")
  await mkdir(join(directory, "objects"), { recursive: true })
  await writeFile(join(directory, "workerd.capnp"), configuration(worker, directory))
  return serve(directory, worker.inspected ?? false)
}

/** The same Worker in a new process, with the objects that the ended one left on its disk. */
export function startAgain({ directory, inspector }: Workerd): Promise<Workerd> {
  return serve(directory, inspector !== null)
}

async function serve(directory: string, inspected: boolean): Promise<Workerd> {
  // The binary itself: the package's command is a script round it, which would not pass descriptor 3 on.
  const { default: command }: { readonly default: string } = createRequire(import.meta.url)("workerd")
  const args = ["serve", join(directory, "workerd.capnp"), "--control-fd=3", "--import-path=/"]
  if (inspected) args.push("--inspector-addr=127.0.0.1:0")
  const server = startProcess({ command, args, directory })
  const { port, inspector } = await portsOf(server, inspected)
  return Object.assign(server, { port, inspector, directory })
}

const START_WITHIN_MS = 15_000

/** Workerd writes one line of JSON for each socket that it listens on. */
async function portsOf({ control, complaints }: ServerProcess, inspected: boolean): Promise<Ports> {
  if (!control) throw new Error("workerd has no control descriptor")
  const listening = portsIn(control, inspected, AbortSignal.timeout(START_WITHIN_MS))
  const ports = await listening.catch(() => undefined)
  if (ports === undefined) throw new Error(`workerd did not start:\n${complaints()}`)
  return ports
}

type Ports = Pick<Workerd, "port" | "inspector">

/** Undefined where it ends without having listened. */
async function portsIn(control: Readable, inspected: boolean, signal: AbortSignal): Promise<Ports | undefined> {
  let said = ""
  for await (const chunk of addAbortSignal(signal, control)) {
    said += String(chunk)
    const [, port] = /"socket": *"http", *"port": *(\d+)/.exec(said) ?? []
    const [, inspector] = /"listen-inspector", *"port": *(\d+)/.exec(said) ?? []
    if (port === undefined || (inspected && inspector === undefined)) continue
    return { port: Number(port), inspector: inspector === undefined ? null : Number(inspector) }
  }
  return undefined
}

const KV_MODULE = join(import.meta.dirname, "../workers/kv.js")

function configuration(worker: WorkerServer, directory: string): string {
  const {
    compatibilityDate,
    compatibilityFlags,
    durableObjects,
    storage,
    variables,
    namespaces,
    keepsObjects = false,
  } = worker
  const namespace = (binding: string): string => `kv-${binding.toLowerCase()}`
  const objects = durableObjects.map(
    ({ className }) =>
      `(className = ${text(className)}, uniqueKey = ${text(className)}, enableSql = ${storage !== "memory"}, preventEviction = ${keepsObjects})`,
  )
  const bindings = [
    ...durableObjects.map(
      ({ binding, className }) => `(name = ${text(binding)}, durableObjectNamespace = ${text(className)})`,
    ),
    ...Object.keys(namespaces).map((binding) => `(name = ${text(binding)}, kvNamespace = ${text(namespace(binding))})`),
    ...Object.entries(variables).map(([name, value]) => `(name = ${text(name)}, text = ${text(value)})`),
  ]
  const stores = Object.entries(namespaces).map(
    ([binding, entries]) => `(name = ${text(namespace(binding))}, worker = (
      modules = [(name = "kv.js", esModule = embed ${text(KV_MODULE)})],
      compatibilityDate = ${text(compatibilityDate)},
      bindings = [(name = "ENTRIES", json = ${text(JSON.stringify(entries))})])),`,
  )
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = .main),
    ${stores.join("\n    ")}
    (name = "objects", disk = (path = ${text(join(directory, "objects"))}, writable = true)),
    (name = "internet", network = (allow = ["public", "local"])),
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")]
);
const main :Workerd.Worker = (
  modules = [(name = "worker.js", esModule = embed ${text(worker.module)})],
  compatibilityDate = ${text(compatibilityDate)},
  compatibilityFlags = [${compatibilityFlags.map(text).join(", ")}],
  durableObjectNamespaces = [${objects.join(", ")}],
  durableObjectStorage = ${storage !== "memory" ? '(localDisk = "objects")' : "(inMemory = void)"},
  bindings = [${bindings.join(", ")}]
);
`
}

/** A Cap'n Proto string literal: ASCII, so that no byte is read in two ways. */
function text(value: string): string {
  const bytes = Array.from(Buffer.from(value), (byte) => {
    if (byte === 0x22 || byte === 0x5c) return `\\${String.fromCharCode(byte)}`
    return byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, "0")}`
  })
  return `"${bytes.join("")}"`
}
