/** An operator logs in, at a real provider, through their browser; the command then manages with what they got. */
import { spawn } from "node:child_process"
import { readFile, stat, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { describe, expect, test } from "vitest"
import { z } from "zod"
import { walk } from "../../../cli/remote/local-stack-login.ts"
import { ownStack } from "./own-stack.ts"
import { expectFailures, run, MAIN } from "./run.ts"

const own = ownStack()

/** Without an identity provider to fall back upon: only a session of their own lets them in. */
const narrowgate = async (...args: readonly string[]) =>
  run(own().directory, args, {
    NARROWGATE_URL: own().stack.origin,
    NARROWGATE_TOKEN: "",
    XDG_CONFIG_HOME: join(own().directory, "config"),
  })
const history = async () => narrowgate("history", "--idp", "http://127.0.0.1:9")
const SESSIONS = () => join(own().directory, "config/narrowgate/sessions.json")

/** Runs `login` as a person does: reads where to go, and goes there. */
async function login(user: string, ...more: readonly string[]) {
  const args = [
    "login",
    "--issuer",
    own().stack.provider,
    "--scope",
    "openid offline_access narrowgate",
    "--no-browser",
    ...more,
  ]
  const env = {
    PATH: process.env["PATH"],
    HOME: own().directory,
    XDG_CONFIG_HOME: join(own().directory, "config"),
    NO_COLOR: "1",
  }
  const child = spawn(process.execPath, [MAIN, ...args], {
    cwd: own().directory,
    env: { ...env, NARROWGATE_URL: own().stack.origin },
  })
  const ended = new Promise<number>((resolve) => child.once("exit", (code) => resolve(code ?? -1)))
  let told = ""
  let stdout = ""
  child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString()))
  const start = await new Promise<string>((resolve) => {
    child.stderr.on("data", (chunk: Buffer) => {
      told += chunk.toString()
      const [, url] = /Log in at (\S+)\n/u.exec(told) ?? []
      if (url !== undefined) resolve(url)
    })
    void ended.then(() => resolve(""))
  })
  if (start !== "") {
    const redirect = String(new URL(start).searchParams.get("redirect_uri"))
    const back = await walk(new URL(start), redirect, { origin: own().stack.provider, user })
    await (await fetch(back)).text()
  }
  return { code: await ended, told, stdout }
}

describe("login", () => {
  test("says as whom, and until when, and shows no token", async () => {
    const { origin, provider } = own().stack
    const { stdout, told } = await login("olivia")
    const [who, until, ...more] = stdout.split("\n")
    expect([who, more]).toEqual([`logged in at ${origin} as olivia of ${provider}`, [""]])
    const [, time = ""] = /^until (\S+Z); then it is renewed without a login$/u.exec(until ?? "") ?? []
    expect(Date.parse(time)).toBeGreaterThan(Date.now())
    const kept = z
      .record(z.string(), z.object({ accessToken: z.string(), refreshToken: z.string() }))
      .parse(JSON.parse(await readFile(SESSIONS(), "utf8")))
    const secrets = Object.values(kept).flatMap(({ accessToken, refreshToken }) => [accessToken, refreshToken])
    expect(secrets).toHaveLength(2)
    for (const secret of secrets) expect(stdout + told).not.toContain(secret)
    const short = await login("olivia", "--scope", "openid narrowgate")
    expect(short.stdout).toMatch(/^until \S+Z; then log in again$/mu)
    // Without an ID token nobody knows.
    const unnamed = await login("olivia", "--scope", "narrowgate")
    expect(unnamed.stdout).toContain(`as a user of ${provider}\n`)
    await narrowgate("logout")
  })

  test("lets an operator manage by a session that is theirs alone, until they log out", async () => {
    expect((await history()).code).not.toBe(0)
    expect((await login("olivia")).code).toBe(0)
    expect((await history()).stdout).toContain("the local stack")
    expect((await stat(SESSIONS())).mode & 0o777).toBe(0o600)
    expect((await narrowgate("logout")).code).toBe(0)
    expect((await history()).code).not.toBe(0)
    expect(await readFile(SESSIONS(), "utf8")).toBe("{}\n")
  })

  test("renews the session where it is about to expire, and says so where it cannot", async () => {
    expect((await login("olivia")).code).toBe(0)
    const old = async (change: object): Promise<void> => {
      const kept = z.record(z.string(), z.looseObject({})).parse(JSON.parse(await readFile(SESSIONS(), "utf8")))
      const changed = Object.entries(kept).map(([url, session]) => [url, { ...session, ...change }])
      await writeFile(SESSIONS(), JSON.stringify(Object.fromEntries(changed)))
    }
    await old({ expiresAt: 0, accessToken: "of.long.ago" })
    expect((await history()).code).toBe(0)
    await old({ expiresAt: 0, refreshToken: "unknown" })
    const over = await history()
    expect([over.code, over.stderr]).toEqual([2, expect.stringContaining("has expired\n  fix: Log in again")])
  })

  test("of somebody who is no operator lets them do nothing", async () => {
    expect((await login("bob")).code).toBe(0)
    const { code, stderr } = await history()
    expect([code, stderr]).toEqual([1, expect.stringMatching(/answered 40[13]/u)])
  })

  test("says what is wrong with what it was given", async () => {
    await expectFailures(
      (...args) => narrowgate("login", ...args),
      [
        [["--issuer", "http://127.0.0.1:9"], 3, "is no identity provider that can be reached"],
        [["--issuer", "nowhere"], 2, "--issuer cannot be nowhere"],
        [[], 2, "--issuer"],
      ],
    )
  })
})
