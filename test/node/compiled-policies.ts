/** Before any test in workerd: `policies/` and the tests' own policies, compiled in Node as an operator would. */
import { fileURLToPath } from "node:url"
import type { TestProject } from "vitest/node"
import { compilePolicies } from "../../cli/compiler/compile.ts"
import type { Provided } from "../harness/provided.ts"

export default async function provideBundles(project: TestProject): Promise<void> {
  project.provide("starter", await compiled("../../policies"))
  project.provide("yard", await compiled("../harness/yard"))
  project.provide("archive", await compiled("../harness/archive"))
  project.provide("ciAgent", await compiled("../../starters/ci-agent"))
}

async function compiled(directory: string): Promise<Provided["yard"]> {
  const { body, problems } = await compilePolicies(fileURLToPath(new URL(directory, import.meta.url)))
  if (!body) throw new Error(`${directory} does not compile: ${JSON.stringify(problems, null, 2)}`)
  return body
}
