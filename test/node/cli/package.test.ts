/** What the package says of the system that it is on, and of what is beside it. */
import { expect, test } from "vitest"
import { installCommand, requireGlibc, toolAt, VERSION, versionOf, withPackages } from "../../../cli/package.ts"

test("where there is no glibc, it says so instead of a program that is not found", () => {
  expect(() => requireGlibc()).not.toThrow()
  // As a Node of Alpine reports.
  expect(() => requireGlibc({ header: { arch: "x64" } })).toThrow("this runs workerd, which needs glibc")
})

test("a package that is missing is named by the line that installs it, with its very version", async () => {
  const missing = Object.assign(new Error("Cannot find package 'miniflare'"), { code: "ERR_MODULE_NOT_FOUND" })
  const load = withPackages(async () => Promise.reject(missing), ["miniflare", "narrowgate"])
  const exact = `miniflare@${versionOf("miniflare")} narrowgate@${VERSION}`
  await expect(load).rejects.toMatchObject({ fix: `Install them: npm install --save-dev --save-exact ${exact}` })
  await expect(withPackages(async () => Promise.reject(new Error("another")), ["miniflare"])).rejects.toThrow("another")
  expect(toolAt("typescript", "bin/tsc")).toMatch(/node_modules\/typescript\/bin\/tsc$/u)
  expect(() => installCommand(["left-pad"])).toThrow("package.json does not have left-pad")
})
