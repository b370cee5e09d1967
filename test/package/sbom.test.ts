/** The bill of materials of the packed file: it is CycloneDX, and lacks nothing that is shipped. */
import { execFileSync } from "node:child_process"
import { createHash } from "node:crypto"
import { readFileSync } from "node:fs"
import { createRequire } from "node:module"
import { join } from "node:path"
import { Ajv, type AnySchemaObject } from "ajv"
import { beforeAll, expect, test } from "vitest"
import { z } from "zod"
import { VERSION } from "../../cli/package.ts"
import { WORKERS } from "../../dev/built-worker.ts"
import { DEPENDENCIES_PAGE, rowsOf } from "../node/dependencies-page.ts"
import { ROOT, TARBALL } from "./installed.ts"

const FILE = join(ROOT, "build", `narrowgate-${VERSION}.cdx.json`)
const hashes = z.array(z.object({ alg: z.string(), content: z.string() }))
const bomSchema = z.object({
  metadata: z.object({ component: z.object({ "bom-ref": z.string(), hashes }) }),
  components: z.array(z.object({ "bom-ref": z.string(), hashes, licenses: z.array(z.unknown()).min(1) })),
  dependencies: z.array(z.object({ ref: z.string(), dependsOn: z.array(z.string()) })),
})
const dependenciesOf = (manifest: string): string[] => {
  const { dependencies } = z
    .object({ dependencies: z.record(z.string(), z.string()) })
    .parse(JSON.parse(readFileSync(join(ROOT, manifest), "utf8")))
  return Object.entries(dependencies).map(([name, version]) => `${name}@${version}`)
}

let text = ""
let bom: z.infer<typeof bomSchema>
beforeAll(() => {
  execFileSync(process.execPath, [join(ROOT, "dev/sbom.ts")], { cwd: ROOT })
  text = readFileSync(FILE, "utf8")
  bom = bomSchema.parse(JSON.parse(text))
})
const dependsOn = (ref: string): readonly string[] => bom.dependencies.find((each) => each.ref === ref)?.dependsOn ?? []

/** The library's own validator would need a dozen packages more, for e-mail addresses alone. */
function schemaOf(file: string): AnySchemaObject {
  const require = createRequire(import.meta.filename)
  const library = require.resolve("@cyclonedx/cyclonedx-library/package.json")
  return JSON.parse(readFileSync(join(library, "../res/schema", file), "utf8"))
}
/** As its schema refers to them. */
const REFERRED = ["spdx.SNAPSHOT.schema.json", "jsf-0.82.SNAPSHOT.schema.json"]

test("it is as the schema of CycloneDX says", () => {
  const formats = {
    "date-time": (value: string): boolean => z.iso.datetime().safeParse(value).success,
    uri: (value: string): boolean => !/\s/u.test(value) && URL.canParse(value),
    "iri-reference": (value: string): boolean => !/\s/u.test(value) && URL.canParse(value, "https://any.invalid"),
    "idn-email": /^\S+@\S+$/u,
  } as const
  const ajv = new Ajv({ strict: false, formats })
  for (const file of REFERRED) ajv.addSchema(schemaOf(file), `http://cyclonedx.org/schema/${file}`)
  const validate = ajv.compile(schemaOf("bom-1.5.SNAPSHOT.schema.json"))
  const errorsIn = (changed: string): unknown => (validate(JSON.parse(changed)) ? null : validate.errors)
  expect(errorsIn(text)).toBeNull()
  expect(errorsIn(text.replace('"type": "library"', '"type": "book"'))).not.toBeNull()
  expect(errorsIn(text.replace(/"timestamp": ".*"/u, '"timestamp": "today"'))).not.toBeNull()
})

test("each dependency of the packed file is in it, with a hash and a licence, and so is what that depends on", () => {
  const described = new Set(bom.components.map((component) => component["bom-ref"]))
  expect(dependsOn(`narrowgate@${VERSION}`)).toEqual(
    expect.arrayContaining(dependenciesOf("build/narrowgate/package.json")),
  )
  expect(bom.dependencies.flatMap((each) => each.dependsOn).filter((ref) => !described.has(ref))).toEqual([])
})

test("each dependency of the Worker is in its build, and nothing else but what these depend on", () => {
  const direct = dependenciesOf("package.json")
  const all = new Set(direct)
  for (const ref of all) for (const next of dependsOn(ref)) all.add(next)
  expect(dependsOn("worker/index.js").toSorted()).toEqual([...all].toSorted())
})

test("docs/security/dependencies.md has each dependency of the packed file", () => {
  const named = new Set([
    ...rowsOf("In the Worker").keys(),
    ...rowsOf("In the command and the published package").keys(),
  ])
  const direct = [...dependenciesOf("build/narrowgate/package.json"), ...dependenciesOf("package.json")]
  const names = direct.map((ref) => ref.replace(/@[^@]*$/u, ""))
  expect(names.filter((name) => !named.has(name))).toEqual([])
  const shipped = new Set(bom.components.map((component) => component["bom-ref"].replace(/@[^@]*$/u, "")))
  expect([...named].filter((name) => !shipped.has(name))).toEqual([])
  expect(DEPENDENCIES_PAGE).toContain(` ${bom.components.length - WORKERS.length} packages in all`)
})

test("nothing of development is in it", () => {
  const names = bom.components.map((component) => component["bom-ref"].replace(/@[^@]*$/u, ""))
  expect(names.filter((name) => ["vitest", "wrangler", "typescript", "workerd"].includes(name))).toEqual([])
})

test("it is of the very packed file", () => {
  const digest = createHash("sha256").update(readFileSync(TARBALL)).digest("hex")
  expect(bom.metadata.component.hashes).toEqual([{ alg: "SHA-256", content: digest }])
})
