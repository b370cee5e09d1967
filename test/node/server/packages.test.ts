/** What a service gets with `narrowgate/server`: its own files, the pure ones of Narrowgate that read a call, and `jose`. */
import { readFileSync } from "node:fs"
import { dirname, join, relative } from "node:path"
import { expect, test } from "vitest"

const ROOT = join(import.meta.dirname, "../../..")
const IMPORT = /^(?:import|export)\b(?! type\b)[^"']*?\bfrom "([^"]+)"|^import "([^"]+)"|\bimport\("([^"]+)"\)/gm

test("it brings one package, and no room of the Worker but the readers of calls", () => {
  const files = new Set([join(ROOT, "server/index.ts")])
  const packages = new Set<string>()
  for (const file of files) {
    for (const [, from, effect, dynamic] of readFileSync(file, "utf8").matchAll(IMPORT)) {
      const specifier = from ?? effect ?? dynamic ?? ""
      if (specifier.startsWith(".")) files.add(join(dirname(file), specifier))
      else packages.add(specifier)
    }
  }
  expect([...packages]).toEqual(["jose"])
  const rooms = new Set([...files].map((file) => dirname(relative(ROOT, file)).split("/").slice(0, 3).join("/")))
  expect([...rooms].toSorted()).toEqual(["server", "src/core/catalog", "src/core/denials", "src/core/encoding"])
})
