/** What the package says of the system that it is on, and of what is beside it. */
import { createRequire } from "node:module"
import { expect, test } from "vitest"
import { installCommand, requireGlibc, toolAt, VERSION, versionOf, withPackages } from "../../../cli/package.ts"

test("where there is no glibc, it says so instead of a program that is not found", () => {
  expect(() => requireGlibc()).not.toThrow()
  // As a Node of Alpine reports.
  expect(() => requireGlibc({ header: { arch: "x64" } })).toThrow("this runs workerd, which needs glibc")
})

test("a package that is missing is named by the line that installs it, with its very version", async () => {
  const exact = `miniflare@${versionOf("miniflare")} narrowgate@${VERSION}`
  const name: string = "a-package-that-is-not-there"
  for (const load of [
    async (): Promise<unknown> => import(name),
    async (): Promise<unknown> => createRequire(import.meta.url)(name),
  ]) {
    await expect(withPackages(load, ["miniflare", "narrowgate"])).rejects.toMatchObject({
      fix: `Install them: npm install --save-dev --save-exact ${exact}`,
    })
  }
  await expect(withPackages(async () => Promise.reject(new Error("another")), ["miniflare"])).rejects.toThrow("another")
  expect(toolAt("typescript", "bin/tsc")).toMatch(/node_modules\/typescript\/bin\/tsc$/u)
  expect(() => installCommand(["left-pad"])).toThrow("package.json does not have left-pad")
})
