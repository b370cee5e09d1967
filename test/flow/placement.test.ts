/** Where a ledger is created: near the gateway for which its first task is opened. */
import { createExecutionContext } from "cloudflare:test"
import { env } from "cloudflare:workers"
import { expect, test } from "vitest"
import { z } from "zod"
import { app } from "../../src/app.ts"
import { AUDIENCE, exchangeForm, type Form } from "../harness/agents.ts"
import { publish, yard } from "../harness/bundles.ts"
import { yardForEach } from "../harness/each-test.ts"
import { ASKING, keyOf } from "../harness/gateways.ts"
import { forgetCaches } from "../harness/isolate.ts"
import { US } from "../harness/issuers.ts"
import { bearerOf } from "../harness/management.ts"

yardForEach()

type Get = DurableObjectNamespace["getByName"]

/** The Worker's environment, which notes how each ledger is asked for. */
function observed(): { readonly env: Env; readonly hints: (string | undefined)[] } {
  const hints: (string | undefined)[] = []
  const LEDGER = new Proxy(env.LEDGER, {
    get: (ledgers, name) => {
      const member: unknown = Reflect.get(ledgers, name)
      if (typeof member !== "function") return member
      return (...values: Parameters<Get>) => {
        if (name === "getByName") hints.push(values[1]?.locationHint)
        return Reflect.apply(member, ledgers, values)
      }
    },
  })
  return { env: { ...env, LEDGER }, hints }
}

async function withLocations(...locations: readonly ("weur" | "apac")[]): Promise<void> {
  const body = await yard()
  let next = 0
  const gateways = body.gateways.map((gateway) => {
    const location = gateway.audience === AUDIENCE ? locations[next++] : undefined
    return location ? { ...gateway, location } : gateway
  })
  await publish({ ...body, gateways }, 2)
  forgetCaches()
}

const issued = z.object({ access_token: z.string() })
async function exchange(form: Form, given: Env): Promise<string> {
  const body = new URLSearchParams(
    Object.entries(form).flatMap(([name, value]) => (typeof value === "string" ? [[name, value]] : [])),
  )
  const request = new Request(`${US}/oauth/token`, { method: "POST", body })
  const response = await app.fetch(request, given, createExecutionContext())
  return issued.parse(await response.json()).access_token
}

const call = async (token: string, given: Env): Promise<number> => {
  const request = ASKING.envoy({ path: "/files", headers: { Authorization: `Bearer ${token}` } }, keyOf("envoy"))
  return (await app.fetch(request, given, createExecutionContext())).status
}

test("is where the first gateway of the audience that has a location is", async () => {
  await withLocations("weur", "apac")
  const { env: given, hints } = observed()
  await exchange(await exchangeForm("first"), given)
  expect(hints).toEqual(["weur"])
})

test("is left to the platform if no gateway has one", async () => {
  const { env: given, hints } = observed()
  await exchange(await exchangeForm("first"), given)
  expect(hints).toEqual([undefined])
})

test("is nothing that a call says: it finds the ledger, and an id that somebody made up asks for none", async () => {
  await withLocations("weur")
  const { env: given, hints } = observed()
  const token = await exchange(await exchangeForm("first"), given)
  hints.length = 0
  expect(await call(token, given)).toBe(200)
  expect(hints).toEqual([undefined])
  hints.length = 0
  const forged = `tsk_01JZZZZZZZZZZZZ${"0".repeat(21)}`
  for (const authorization of [`Bearer ${token}`, await bearerOf("viewer")]) {
    const request = new Request(`${US}/v1/tasks/${forged}`, { headers: { Authorization: authorization } })
    const { status } = await app.fetch(request, given, createExecutionContext())
    expect([status, hints]).toEqual([404, []])
  }
})
