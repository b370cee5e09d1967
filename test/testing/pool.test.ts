/** A project whose tests run in workerd, where nothing can start miniflare. */
import { execFile } from "node:child_process"
import { join } from "node:path"
import { promisify } from "node:util"
import { expect, test } from "vitest"

test("in Cloudflare's pool for Vitest, Narrowgate is an auxiliary Worker beside the developer's own", async () => {
  const root = join(import.meta.dirname, "pool")
  const vitest = join(import.meta.dirname, "../../node_modules/vitest/vitest.mjs")
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [vitest, "run", "--root", root, "--reporter=tap-flat"],
    {
      env: { ...process.env, NO_COLOR: "1", VITEST: undefined },
    },
  )
  expect(stdout.match(/^ok /gmu)).toHaveLength(7)
  expect(stdout).not.toMatch(/^not ok /mu)
})
