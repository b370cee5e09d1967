/**
 * Clients of MCP that nobody here wrote, in their default configuration, as their own documentation has them configured:
 * only URL and the client's name are ours. What one cannot do is stated in its row, with what it then says.
 */
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { place, installed } from "./installed.ts"
import { COLUMNS } from "./row.ts"
import { live, WORKS } from "./story.ts"
import { CLIENTS } from "./table.ts"
import { makeWorld, type World } from "./world.ts"

describe.skipIf(!installed)("clients of MCP", () => {
  let world: World | undefined
  beforeAll(async () => {
    place()
    world = await makeWorld(CLIENTS)
  })
  afterAll(async () => world?.close())

  test.concurrent.each(CLIENTS.filter((each) => each.name.includes(process.env["ONLY"] ?? "")).map((row) => [row.title, row] as const))("%s", async (_title, row) => {
    const home = await mkdtemp(join(tmpdir(), "narrowgate-client-"))
    try {
      const seen = await live(row, world, home)
      if (process.env["SHOW"]) console.log(row.title, seen)
      const expected = Object.keys(COLUMNS).map((column) => [column, WORKS])
      expect(Object.entries(seen)).toEqual(expected)
    } finally {
      await rm(home, { recursive: true, force: true })
    }
  })
})
