/**
 * Clients that nobody here wrote, in their default configuration, as their own documentation has them configured: only
 * URL and the client's name are ours. What one cannot do is stated in its row, with what it then says.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { z } from "zod"
import { login } from "../../cli/remote/local-stack-login.ts"
import { developmentKey } from "../../cli/remote/local-stack-policies.ts"
import { ROBOT } from "../node/interop/robot.ts"
import { installed, place } from "./installed.ts"
import { clientsPage } from "./page.ts"
import { COLUMNS, GRANTS, type GrantOrder } from "./row.ts"
import { live, surprises, WORKS } from "./story.ts"
import { AUTHZEN_CLIENTS, BEGINNERS_CLIENTS, CLIENTS, OAUTH_CLIENTS } from "./table.ts"
import { makeWorld, QUERIES, type World } from "./world.ts"

test("the page says what the rows say; `npm run test:clients -- -u` writes it", async () => {
  await expect(clientsPage()).toMatchFileSnapshot("../../docs/reference/clients.md")
})

describe.skipIf(!installed)("clients", () => {
  let world: World
  const parting = new AsyncDisposableStack()
  beforeAll(async () => {
    place()
    world = await makeWorld([...CLIENTS, ...OAUTH_CLIENTS])
    parting.defer(world.close)
  })
  afterAll(async () => parting.disposeAsync())

  test("none is offered beforehand what it has to step up for", async () => {
    const metadata = await fetch(`${world.origin}/.well-known/oauth-protected-resource/desk/mcp`)
    const { scopes_supported: offered } = z
      .object({ scopes_supported: z.array(z.string()) })
      .parse(await metadata.json())
    expect(offered).toContain("desk.*:read")
    expect(offered.filter((scope) => scope.endsWith(":write"))).toEqual([])
  })

  test.concurrent.for(CLIENTS)("of MCP: $title", async (row) => {
    const seen = await live(row, world)
    expect(surprises(row, (column) => seen[column], COLUMNS.keys())).toEqual([])
  })

  test.concurrent.for(AUTHZEN_CLIENTS)("of AuthZEN: $title", async (row) => {
    const people = ["ada", "ben"]
    const answers = await row.ask({ server: world.stack.origin, key: developmentKey(QUERIES), people })
    expect(answers).toEqual(["true", "false"])
  })

  test.concurrent.for(OAUTH_CLIENTS)("of OAuth: $title", async (row) => {
    const { stack, robot, origin } = world
    const session = await login({ origin: stack.provider, user: "alice" })
    const order: GrantOrder = {
      issuer: stack.origin,
      authorize: `${stack.origin}/oauth/authorize`,
      token: `${stack.origin}/oauth/token`,
      document: world.document(row.name),
      redirect: "http://127.0.0.1:53211/callback",
      robot: ROBOT,
      key: robot.privateJwk,
      session: session.access_token,
      resource: origin,
      call: `${origin}/crm/tickets`,
      browser: world.clipboard("alice"),
    }
    const taken = await row.take(order)
    const seen = (grant: keyof typeof taken): string => {
      const said = taken[grant] ?? "the library has none"
      return said.includes('"tickets"') ? WORKS : said
    }
    expect(surprises(row, seen, GRANTS.keys())).toEqual([])
  })
})

describe.skipIf(!installed)("behind the local stack's own gateway", () => {
  let world: World
  const parting = new AsyncDisposableStack()
  beforeAll(async () => {
    world = await makeWorld(BEGINNERS_CLIENTS, true)
    parting.defer(world.close)
  })
  afterAll(async () => parting.disposeAsync())

  test.concurrent.for(BEGINNERS_CLIENTS)("$title", async (row) => {
    const seen = await live(row, world)
    expect(surprises(row, (column) => seen[column], COLUMNS.keys())).toEqual([])
  })
})
