/** Before the tests over the wire: the built Worker on loopback, with an empty KV namespace that they fill. */
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import type { TestProject } from "vitest/node"
import { readManifest } from "../../dev/manifest.ts"
import { generatePublisherKey } from "../../cli/compiler/sign.ts"
import { configure, disk, keyValueStore, narrowgate } from "./bare-narrowgate.ts"
import { buildWorker, plainWorker, ROOT, serve } from "./bare-workerd.ts"

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

async function capnp(module: string, objects: string, PUBLISHER_KEYS: string): Promise<string> {
  const { compatibilityDate } = await readManifest()
  const services = {
    main: await narrowgate({ module, variables: { ISSUER: US, PUBLISHER_KEYS }, cache: "cache" }),
    kv: await keyValueStore({}),
    cache: `worker = ${plainWorker(join(ROOT, "test/wire/cache.js"), compatibilityDate)}`,
    objects: disk(objects),
  }
  return configure(services, { worker: "main", kv: "kv", cache: "cache" })
}
