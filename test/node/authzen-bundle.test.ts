/**
 * The conformance run has no compiler at hand: it decides by the bundle that is kept beside it. `vitest -u` writes that
 * anew.
 */
import { fileURLToPath } from "node:url"
import { expect, test } from "vitest"
import { compilePolicies } from "../../cli/policies/compile.ts"
import { encode } from "../../src/policy/encode.ts"

test("the bundle of the AuthZEN conformance run is what its policies compile to", async () => {
  const { body, problems } = await compilePolicies(fileURLToPath(new URL("../harness/archive", import.meta.url)))
  expect(problems).toEqual([])
  await expect(body && encode(body)).toMatchFileSnapshot("../conformance/archive.bundle")
})
