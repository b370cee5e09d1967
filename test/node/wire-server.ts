/** Before the tests over the wire: the built Worker on loopback, with an empty KV namespace that they fill. */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { TestProject } from "vitest/node"
import { readManifest } from "../../dev/manifest.ts"
import { generatePublisherKey } from "../../cli/compiler/sign.ts"
import { buildWorker, KV, plainWorker, ROOT, serve } from "./bare-workerd.ts"

const US = "https://authz.example"

export default async function wireServer(project: TestProject): Promise<() => Promise<void>> {
  const directory = await mkdtemp(join(tmpdir(), "narrowgate-wire-"))
  const { privateJwk, publicJwk } = await generatePublisherKey()
  const module = await buildWorker(directory)
  const configuration = join(directory, "workerd.capnp")
  await mkdir(join(directory, "objects"))
  await writeFile(configuration, await capnp(module, join(directory, "objects"), JSON.stringify({ keys: [publicJwk] })))
  const { server, ports } = await serve(configuration, directory, ["worker", "kv", "cache"])
  project.provide("publisher", privateJwk)
  project.provide("wire", ports)
  return async () => {
    await server[Symbol.asyncDispose]()
    await rm(directory, { recursive: true, force: true, maxRetries: 3 })
  }
}

async function capnp(module: string, objects: string, publisherKeys: string): Promise<string> {
  const { compatibilityDate, compatibilityFlags, durableObjects } = await readManifest()
  const text = (value: string): string => JSON.stringify(value)
  const namespaces = durableObjects.map(
    ({ binding, className }) => `(name = ${text(binding)}, durableObjectNamespace = ${text(className)})`,
  )
  const classes = durableObjects.map(
    ({ className }) => `(className = ${text(className)}, uniqueKey = ${text(className)}, enableSql = true)`,
  )
  const entries = `(name = "ENTRIES", json = "{}")`
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = (
      modules = [(name = "worker.js", esModule = embed ${text(module)})],
      compatibilityDate = ${text(compatibilityDate)},
      compatibilityFlags = [${compatibilityFlags.map(text).join(", ")}],
      cacheApiOutbound = "cache",
      durableObjectNamespaces = [${classes.join(", ")}],
      durableObjectStorage = (localDisk = "objects"),
      bindings = [
        ${namespaces.join(", ")},
        (name = "BUNDLES", kvNamespace = "kv"),
        (name = "ISSUER", text = ${text(US)}),
        (name = "PUBLISHER_KEYS", text = ${text(publisherKeys)})
      ])),
    (name = "kv", worker = ${plainWorker(KV, compatibilityDate, [entries])}),
    (name = "cache", worker = ${plainWorker(join(ROOT, "test/wire/cache.js"), compatibilityDate)}),
    (name = "objects", disk = (path = ${text(objects)}, writable = true))
  ],
  sockets = [
    (name = "worker", address = "127.0.0.1:0", http = (), service = "main"),
    (name = "kv", address = "127.0.0.1:0", http = (), service = "kv"),
    (name = "cache", address = "127.0.0.1:0", http = (), service = "cache")
  ]
);
`
}
