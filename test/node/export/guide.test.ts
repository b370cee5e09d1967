/** The policies of docs/guides/sinks.md compile, as they stand there, beside the example's. */
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { expect, test } from "vitest"
import { summarise } from "../../../cli/commands/check.ts"
import { compilePolicies } from "../../../cli/compiler/compile.ts"

const ROOT = join(import.meta.dirname, "../../..")

test("sinks.yaml of the guide compiles", async () => {
  const page = await readFile(join(ROOT, "docs/guides/sinks.md"), "utf8")
  const [, yaml = ""] = /```yaml\n(sinks:\n[\s\S]*?)```/.exec(page) ?? []
  const directory = await mkdtemp(join(tmpdir(), "narrowgate-guide-"))
  try {
    await cp(join(ROOT, "policies"), directory, { recursive: true })
    await writeFile(join(directory, "sinks.yaml"), yaml)
    const compiled = await compilePolicies(directory)
    const { body, problems } = compiled
    expect(problems.filter(({ file }) => file.endsWith("sinks.yaml"))).toEqual([])
    expect(body?.sinks.map(({ id, kind, denies }) => [id, kind, denies.join()])).toEqual([
      ["collector", "otlp", ""],
      ["siem", "ocsf", ""],
      ["archive", "s3", "write,execute"],
      ["lake", "r2", ""],
    ])
    expect(summarise("mine", compiled)).toMatch(/, 4 sinks; /)
    // A name of a secret, and no secret, is all that a bundle has.
    const [collector] = body?.sinks ?? []
    expect(collector && "headers" in collector && collector.headers).toEqual({ authorization: "collector-key" })
  } finally {
    await rm(directory, { recursive: true })
  }
})
