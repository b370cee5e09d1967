/** Answers of a provider that are none to what was asked here: no session comes of them. Against a real provider. */
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { walk } from "../../../cli/remote/local-stack-login.ts"
import { twoFreePorts } from "../../../dev/loopback.ts"
import { logged } from "../../harness/worker-log.ts"
import { startStack, type Stack } from "../../../dev/stack.ts"

let stack: Stack
let state: string
beforeAll(async () => {
  state = await mkdtemp(join(tmpdir(), "narrowgate-sign-in-"))
  stack = await startStack({ policies: resolve("policies"), port: await twoFreePorts(), state })
}, 60_000)
afterAll(async () => {
  await stack.close()
  await rm(state, { recursive: true, force: true, maxRetries: 3 })
})

/** One browser: left for the provider, logged in there, and sent back to `arrival`, where it has not been yet. */
interface Return {
  readonly cookie: string
  readonly arrival: URL
}

async function signIn(user = "olivia"): Promise<Return> {
  const leaving = await fetch(`${stack.origin}/sign-in?return=/console`, { redirect: "manual" })
  const [cookie = ""] = (leaving.headers.getSetCookie()[0] ?? "").split(";", 1)
  const start = new URL(leaving.headers.get("location") ?? "")
  const arrival = await walk(start, `${stack.origin}/sign-in/callback`, { origin: stack.provider, user })
  return { cookie, arrival }
}

const arrive = async (cookie: string, arrival: URL): Promise<Response> =>
  fetch(arrival, { redirect: "manual", headers: cookie === "" ? {} : { cookie } })

const sessionOf = (answer: Response): string | undefined =>
  answer.headers.getSetCookie().find((line) => line.startsWith("__Host-narrowgate="))

const changed = (url: URL, name: string, value: string | null): URL => {
  const other = new URL(url)
  if (value === null) other.searchParams.delete(name)
  else other.searchParams.set(name, value)
  return other
}

type Attack = (own: Return, other: Return) => readonly [cookie: string, arrival: URL]

const ATTACKS: Readonly<Record<string, Attack>> = {
  "in a browser that has not left": ({ arrival }) => ["", arrival],
  "to somebody else's sign-in (login CSRF)": ({ cookie }, other) => [cookie, other.arrival],
  "with the code of another sign-in": ({ cookie, arrival }, other) => [
    cookie,
    changed(arrival, "code", other.arrival.searchParams.get("code")),
  ],
  "without a state": ({ cookie, arrival }) => [cookie, changed(arrival, "state", null)],
  "with another state": ({ cookie, arrival }) => [cookie, changed(arrival, "state", "another")],
  "of another issuer (mix-up)": ({ cookie, arrival }) => [cookie, changed(arrival, "iss", "https://evil.example")],
  "without its issuer": ({ cookie, arrival }) => [cookie, changed(arrival, "iss", null)],
  "without a code": ({ cookie, arrival }) => [cookie, changed(arrival, "code", null)],
  "that is an error": ({ cookie, arrival }) => [
    cookie,
    changed(changed(arrival, "code", null), "error", "access_denied"),
  ],
  "with a cookie that was cut": ({ cookie, arrival }) => [cookie.slice(0, -8), arrival],
}

describe("an answer", () => {
  test.for(Object.entries(ATTACKS))("%s signs nobody in", async ([, attack]) => {
    const [own, other] = [await signIn(), await signIn("bob")]
    const answer = await arrive(...attack(own, other))
    expect(answer.status).toBe(401)
    expect(sessionOf(answer)).toBeUndefined()
  })

  test("to what was asked signs in, once", async () => {
    const { cookie, arrival } = await signIn()
    const answer = await arrive(cookie, arrival)
    expect([answer.status, answer.headers.get("location")]).toEqual([303, "/console"])
    expect(sessionOf(answer)).toMatch(/; Max-Age=\d+; Path=\/; HttpOnly; Secure; SameSite=Lax$/)
    const again = await arrive(cookie, arrival)
    expect([again.status, sessionOf(again)]).toEqual([401, undefined])
  })

  test.for(["https://evil.example/", "//evil.example", "/.//evil.example", "/console/..//evil.example"])(
    "leads to a page of ours, whatever the browser has kept: %s",
    async (place) => {
      const leaving = await fetch(`${stack.origin}/sign-in?${new URLSearchParams({ return: place }).toString()}`, {
        redirect: "manual",
      })
      expect([leaving.status, leaving.headers.getSetCookie()]).toEqual([400, []])
      const { cookie, arrival } = await signIn()
      const kept = Buffer.from(cookie.split("=")[1] ?? "", "base64url").toString()
      const forged = Buffer.from(kept.replace('"/console"', JSON.stringify(place))).toString("base64url")
      const answer = await arrive(`__Host-narrowgate-sign-in=${forged}`, arrival)
      expect([answer.status, answer.headers.get("location")]).toEqual([303, "/console"])
    },
  )

  test("without the verifier that its browser has left with signs nobody in", async () => {
    const { cookie, arrival } = await signIn()
    const kept = Buffer.from(cookie.split("=")[1] ?? "", "base64url").toString()
    // The verifier is of this browser alone: what another left with does not redeem it.
    const forged = Buffer.from(kept.replace(/"verifier":"[^"]+"/, `"verifier":"${"a".repeat(43)}"`)).toString(
      "base64url",
    )
    const answer = await arrive(`__Host-narrowgate-sign-in=${forged}`, arrival)
    expect([answer.status, sessionOf(answer)]).toEqual([401, undefined])
    expect(logged("sign_in_failed").at(-1)).toMatchObject({ issuer: "local" })
  })
})
