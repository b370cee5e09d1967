/** Beside other packages of a developer's, by the resolution of npm: nothing is downloaded but manifests. */
import { readFile, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { expect, test } from "vitest"
import { z } from "zod"
import { LOCAL_STACK, versionOf } from "../../cli/package.ts"
import { emptyPlace, NEWEST } from "./installed.ts"

const lockSchema = z.object({ packages: z.record(z.string(), z.object({ version: z.string().optional() })) })

/** Versions by their place, after each of these installations. */
async function resolved(
  manifest: object,
  ...installations: readonly (readonly string[])[]
): Promise<(path: string) => string | undefined> {
  await using there = await emptyPlace(NEWEST)
  await writeFile(join(there.directory, "package.json"), JSON.stringify(manifest))
  for (const names of installations) {
    const from = names.map((name) => (name === "narrowgate" ? there.tarball : name))
    const installed = await there.run("npm", "install", "--save-dev", "--package-lock-only", "--no-audit", ...from)
    expect(installed).toMatchObject({ code: 0, stderr: expect.not.stringContaining("ERESOLVE") })
  }
  const { packages } = lockSchema.parse(JSON.parse(await readFile(join(there.directory, "package-lock.json"), "utf8")))
  return (path) => packages[path]?.version
}

test.each([
  { vitest: "4.1.12", wrangler: "4.50.0" },
  { vitest: "4.1.12", "@cloudflare/vitest-pool-workers": "0.23.0" },
])("those of other versions do not prevent its installation: %o", async (devDependencies) => {
  const versionAt = await resolved({ devDependencies }, ["narrowgate"])
  expect(versionAt("node_modules/narrowgate")).toBeDefined()
  for (const [name, version] of Object.entries(devDependencies))
    expect(versionAt(`node_modules/${name}`), name).toBe(version)
})

test("what is installed beside it by its name alone is what it was tested with", async () => {
  const versionAt = await resolved({}, ["narrowgate"], LOCAL_STACK, ["wrangler"])
  for (const name of LOCAL_STACK) expect(versionAt(`node_modules/${name}`), name).toBe(versionOf(name))
})
