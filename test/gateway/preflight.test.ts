import { beforeEach, describe, expect, test } from "vitest"
import { openTask } from "../harness/agents.ts"
import { publish, yard } from "../harness/bundles.ts"
import { freshIsolateForEach } from "../harness/each-test.ts"
import { askAs, carried, HTTP_DIALECTS, type ClientRequest } from "../harness/gateways.ts"
import { recordOf } from "../harness/records.ts"

freshIsolateForEach()

const ASKED = { Origin: "https://app.test", "Access-Control-Request-Method": "DELETE" }
const preflight = (more: Partial<ClientRequest> = {}): ClientRequest => ({
  method: "OPTIONS",
  path: "/files/a",
  headers: ASKED,
  ...more,
})

describe.each(HTTP_DIALECTS)("a CORS preflight through %s", (dialect) => {
  test("is a call without a token like any other", async () => {
    await publish(await yard())
    const { code, status } = await askAs(dialect, preflight())
    expect([code, status]).toEqual(["missing_token", 401])
  })

  describe("whose entry lets them through", () => {
    beforeEach(async () => {
      const { gateways, ...body } = await yard()
      await publish({ ...body, gateways: gateways.map((each) => ({ ...each, preflights: true })) })
    })

    test("passes, is recorded, and is nobody's", async () => {
      const { code, headers, decision } = await askAs(dialect, preflight({ path: "/vault/1?x=y" }))
      expect(code).toBe("ok")
      expect(["Agent", "User", "Task"].map((name) => headers.get(`X-Narrowgate-${name}`))).toEqual(["", "", ""])
      expect(await recordOf(decision)).toMatchObject({
        decision: "allow",
        gateway: dialect,
        method: "OPTIONS",
        path: "/vault/1",
        task: null,
      })
    })

    const NONE: Readonly<Record<string, Partial<ClientRequest>>> = {
      "another method": { method: "DELETE" },
      "no Origin": { headers: { "Access-Control-Request-Method": "DELETE" } },
      "no Access-Control-Request-Method": { headers: { Origin: "https://app.test" } },
      "a proof": { headers: { ...ASKED, DPoP: "ey.J.0" } },
    }
    test.each(Object.keys(NONE))("%s is none", async (what) => {
      expect((await askAs(dialect, preflight(NONE[what]))).code).toBe("missing_token")
    })

    test("that asks for another method is refused", async () => {
      expect((await askAs(dialect, preflight({ path: "/files/a?_method=DELETE" }))).code).toBe("malformed_call")
      const headers = { ...ASKED, X_HTTP_METHOD_OVERRIDE: "DELETE" }
      expect((await askAs(dialect, preflight({ headers }))).code).not.toBe("ok")
    })

    test("with a body, where the gateway passes those on, is none", async () => {
      const { gateways } = await yard()
      const { body: seesBodies } = gateways.find(({ id }) => id === dialect) ?? {}
      const { code } = await askAs(dialect, preflight({ body: "{}" }))
      expect(code).toBe(seesBodies === true ? "missing_token" : "ok")
    })

    test("with a token it is a call of that token's", async () => {
      const { token } = await openTask("first", { purpose: "work" })
      const headers = { ...ASKED, Authorization: `Bearer ${token}` }
      expect((await askAs(dialect, preflight({ headers }))).code).toBe("unknown_tool")
    })

    test("of what the catalog has as a tool is a call like any other", async () => {
      const { gateways, routes, ...body } = await yard()
      const files = routes.filter(({ path }) => path === "/files")
      await publish(
        {
          ...body,
          gateways: gateways.map((each) => ({ ...each, preflights: true })),
          routes: [...routes, ...files.map((each) => ({ ...each, methods: ["OPTIONS"] }))],
        },
        2,
      )
      expect(files).not.toEqual([])
      expect((await askAs(dialect, preflight({ path: "/files" }))).code).toBe("missing_token")
      expect((await askAs(dialect, preflight())).code).toBe("ok")
    })

    test("for a path that has two readings is refused", async () => {
      const { code, status } = await askAs(dialect, preflight({ path: "/files/a//b" }))
      expect([code, status]).toEqual(["malformed_call", carried(dialect, 400)])
    })
  })
})
