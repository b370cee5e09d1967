/** Releases in one bare workerd: one has the objects, on a disk; edges of others may use them, as during a rollout. */
import { mkdir, writeFile } from "node:fs/promises"
import { join } from "node:path"
import type { ServerProcess } from "../../bench/servers/process.ts"
import { readManifest } from "../../dev/manifest.ts"
import { configure, disk, keyValueStore, narrowgate } from "../node/bare-narrowgate.ts"
import { serve } from "../node/bare-workerd.ts"
import type { Release } from "./release.ts"

export interface Deployment {
  /** Origins on loopback, by the name of the release. */
  readonly edges: ReadonlyMap<string, string>
  readonly log: () => string
  /** Ends it as a power cut would, by its pid. Returns what KV held. */
  readonly end: () => Promise<Readonly<Record<string, string>>>
}

export interface Layout {
  /** Where its files are; the objects' are kept from one life to the next. */
  readonly directory: string
  readonly objects: Release
  /** Others than that one. */
  readonly edges?: readonly Release[]
  readonly kv?: Readonly<Record<string, string>>
  readonly variables: Readonly<Record<string, string>>
}

export async function deployed({ directory, objects, edges = [], kv = {}, variables }: Layout): Promise<Deployment> {
  await mkdir(join(directory, "objects"), { recursive: true })
  const releases = [objects, ...edges]
  const services: Record<string, string> = {
    kv: await keyValueStore(kv),
    objects: disk(join(directory, "objects")),
  }
  // A class that is new has no objects of the release before: the platform makes them of the release that has it.
  const shared = new Set((await readManifest(objects.directory)).durableObjects.map(({ className }) => className))
  for (const release of releases) {
    const manifest = await readManifest(release.directory)
    const others = release === objects ? {} : { objectsOf: objects.name, shared }
    services[release.name] = await narrowgate({ module: release.module, variables, manifest, ...others })
  }
  const configuration = join(directory, "workerd.capnp")
  const sockets = Object.fromEntries([...releases.map(({ name }) => name), "kv"].map((name) => [name, name]))
  await writeFile(configuration, configure(services, sockets))
  const { server, ports } = await serve(configuration, directory, Object.keys(sockets))
  const at = (name: string): string => `http://127.0.0.1:${ports[name]}`
  return {
    edges: new Map(releases.map(({ name }) => [name, at(name)])),
    log: server.complaints,
    async end() {
      const held = await entriesAt(at("kv"))
      await killed(server)
      return held
    },
  }
}

/** What was published last. */
async function entriesAt(kv: string): Promise<Readonly<Record<string, string>>> {
  const pointer = await fetch(`${kv}/pointer`)
  if (!pointer.ok) return {}
  const jws = await pointer.text()
  const { digest }: { readonly digest?: string } = JSON.parse(
    Buffer.from(jws.split(".")[1] ?? "", "base64url").toString(),
  )
  const key = `body/${digest}`
  return { pointer: jws, [key]: await (await fetch(`${kv}/${encodeURIComponent(key)}`)).text() }
}

async function killed(server: ServerProcess): Promise<void> {
  process.kill(server.pid, "SIGKILL")
  await server[Symbol.asyncDispose]()
}
