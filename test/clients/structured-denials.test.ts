/** The draft SEP-2643 through a real gateway: what clients that others wrote show a program of it. */
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { installed } from "./installed.ts"
import { edit } from "./policies.ts"
import { python2 } from "./rows/python.ts"
import { sdk2 } from "./rows/sdk.ts"
import { ASKED, CLOSED, makeWorld, type World } from "./world.ts"

const ROWS = [sdk2, python2]

describe.skipIf(!installed)("a gateway with `experimental: [structured-denials]`", () => {
  let world: World
  const parting = new AsyncDisposableStack()
  beforeAll(async () => {
    world = await makeWorld(ROWS, undefined, async (policies) =>
      edit(policies, "gateways.yaml", (lists) => {
        for (const entry of lists("gateways")) Object.assign(entry, { experimental: ["structured-denials"] })
      }),
    )
    parting.defer(world.close)
  })
  afterAll(async () => parting.disposeAsync())

  test.concurrent.for(ROWS)("$title", async (row) => {
    const home = await mkdtemp(join(tmpdir(), "narrowgate-client-"))
    await using cleaning = new AsyncDisposableStack()
    cleaning.defer(async () => rm(home, { recursive: true, force: true }))
    const shown: string[] = []
    const visit = async (url: string): Promise<boolean> => {
      shown.push(url)
      if (shown.length > 1) await world.approve(row.name)
      return shown.length > 1
    }
    const server = `${world.origin}/desk/mcp`
    const session = await row.start(world, { client: row.name, server, user: "alice", home, visit })
    cleaning.defer(session.close)
    const read = async (ticket: string): Promise<unknown> => {
      const { text, meta = {} } = await session.call("read-ticket", { ticket })
      const [, decision] = /, decision (dec_\w+)\)$/u.exec(text) ?? []
      return [text.includes("on fire"), decision, meta["io.modelcontextprotocol/authorization"]]
    }
    const denied = (remediation: string): unknown => {
      const envelope = { reason: "insufficient_authorization", remediation, authorizationContextId: expect.anything() }
      return [false, expect.stringMatching(/^dec_/u), envelope]
    }
    expect(await read(CLOSED)).toEqual(denied("unavailable"))
    expect(await read(ASKED), "its user has looked away").toEqual(denied("undisclosed"))
    expect(await read(ASKED)).toEqual([true, undefined, undefined])
    expect(shown).toHaveLength(2)
  })
})
