/**
 * `npm run sbom`: what the packed file consists of, in CycloneDX, beside it in `build/`. npm describes all that the lock
 * file has; this keeps what is shipped: the packages that npm installs with ours, and each build of the Worker with those
 * that are built into it. (`npm sbom --omit dev` would also leave out a package that is needed for development too.)
 */
import { execFile } from "node:child_process"
import { createHash } from "node:crypto"
import { readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { promisify } from "node:util"
import { z } from "zod"
import { PACKED, WORKERS } from "./built-worker.ts"
import { PACKAGE, VERSION } from "../cli/package.ts"

const OUT = join(PACKAGE, "build")

/** In `build/`, as `npm run pack` has left it there: the file, and the tree in it. */
export const PACKED_FILE = `narrowgate-${VERSION}.tgz`
export const WORKER_FILE = join("narrowgate", PACKED.release)
export const SBOM_FILE = `narrowgate-${VERSION}.cdx.json`
const MANIFEST = join("narrowgate", "package.json")

/** npm's marks of what a package is in the clone, which is not what it is in the packed file. */
const OF_THE_CLONE = "cdx:npm:package:development"

const manifestSchema = z.object({ license: z.string(), dependencies: z.record(z.string(), z.string()) })
const sourcesSchema = z.object({ sources: z.array(z.string()) })
const bomSchema = z.looseObject({
  metadata: z.looseObject({}),
  components: z.array(
    z.looseObject({ "bom-ref": z.string(), properties: z.array(z.object({ name: z.string(), value: z.string() })) }),
  ),
  dependencies: z.array(z.object({ ref: z.string(), dependsOn: z.array(z.string()) })),
})

const read = async (file: string): Promise<Buffer> => readFile(join(OUT, file))

export const digestOf = async (file: string): Promise<string> =>
  createHash("sha256")
    .update(await read(file))
    .digest("hex")

/** `name@version` of each package of which a Worker has code, by the source map of its build. */
async function packagesOf(worker: (typeof WORKERS)[number]): Promise<readonly string[]> {
  const { sources } = sourcesSchema.parse(JSON.parse((await read(join(worker, "index.js.map"))).toString()))
  const places = sources.flatMap((source) => /^.*\bnode_modules\/(?:@[^/]+\/)?[^/]+/u.exec(source) ?? [])
  const named = z.object({ name: z.string(), version: z.string() })
  return Promise.all(
    [...new Set(places)].map(async (place) => {
      const file = join(OUT, worker, place, "package.json")
      const { name, version } = named.parse(JSON.parse(await readFile(file, "utf8")))
      return `${name}@${version}`
    }),
  )
}

async function describe(): Promise<unknown> {
  const { license, dependencies } = manifestSchema.parse(JSON.parse((await read(MANIFEST)).toString()))
  const args = ["sbom", "--package-lock-only", "--sbom-format", "cyclonedx"]
  const { stdout } = await promisify(execFile)("npm", args, { cwd: PACKAGE, maxBuffer: 16_777_216 })
  const all = bomSchema.parse(JSON.parse(stdout))

  const ours = `narrowgate@${VERSION}`
  const installed = Object.entries(dependencies).map(([name, version]) => `${name}@${version}`)
  const dependsOn = new Map<string, readonly string[]>(all.dependencies.map((each) => [each.ref, each.dependsOn]))
  const workers = WORKERS.map((worker) => PACKED[worker])
  dependsOn.set(ours, [...installed, ...workers])
  for (const worker of WORKERS) dependsOn.set(PACKED[worker], await packagesOf(worker))
  const shipped = new Set([ours])
  for (const ref of shipped) for (const next of dependsOn.get(ref) ?? []) shipped.add(next)

  const components = all.components
    .filter((component) => shipped.has(component["bom-ref"]))
    .map(({ scope: _ofTheClone, properties, ...component }) =>
      Object.assign(component, { properties: properties.filter(({ name }) => name !== OF_THE_CLONE) }),
    )
  const described = new Set([ours, ...workers, ...components.map((component) => component["bom-ref"])])
  const missing = [...shipped].filter((ref) => !described.has(ref))
  if (missing.length > 0) throw new Error(`the lock file does not have ${missing.join(", ")}: run npm ci`)

  const own = async (name: string, ref: string, file: string): Promise<object> => ({
    "bom-ref": ref,
    type: "application",
    name,
    version: VERSION,
    licenses: [{ license: { id: license } }],
    hashes: [{ alg: "SHA-256", content: await digestOf(file) }],
  })
  return {
    ...all,
    metadata: {
      ...all.metadata,
      component: { ...(await own("narrowgate", ours, PACKED_FILE)), purl: `pkg:npm/${ours}` },
    },
    components: [
      ...(await Promise.all(workers.map(async (worker) => own(worker, worker, join("narrowgate", worker))))),
      ...components,
    ],
    dependencies: [...shipped].map((ref) => ({ ref, dependsOn: dependsOn.get(ref) ?? [] })),
  }
}

if (import.meta.main) {
  await writeFile(join(OUT, SBOM_FILE), `${JSON.stringify(await describe(), null, 2)}\n`)
  console.log(`build/${SBOM_FILE}`)
}
