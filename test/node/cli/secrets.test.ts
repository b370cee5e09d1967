/** Tokens leave this machine encrypted, and are kept where nobody else may write. */
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises"
import { createServer } from "node:http"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterEach, beforeEach, describe, expect, it } from "vitest"
import { writeWhole } from "../../../cli/terminal/atomic-write.ts"
import { run } from "./run.ts"

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "narrowgate-secrets-"))
})
afterEach(() => rm(directory, { recursive: true }))

describe("a token", () => {
  it.each([["decisions", "tail"], ["history"], ["approvals", "list"], ["login", "--issuer", "https://idp.invalid"]])(
    "is sent to no other machine over http: %s %s",
    async (...args) => {
      const env = { NARROWGATE_TOKEN: "operator" }
      const { code, stderr } = await run(directory, [...args, "--url", "http://authz.invalid"], env)
      expect([code, stderr]).toEqual([2, expect.stringContaining("--url cannot be http://authz.invalid: a token")])
      expect(stderr).toContain("\n  fix: Write an https URL")
    },
  )

  it.each(["authorization_endpoint", "token_endpoint"])("is not got over http at another machine: %s", async (name) => {
    const { origin, close } = await providerWith({ [name]: "http://idp.invalid/there" })
    const { code, stderr } = await run(directory, ["login", "--no-browser", "--issuer", origin])
    close()
    expect([code, stderr]).toEqual([2, expect.stringContaining("unencrypted, to http://idp.invalid/there")])
  })
})

describe("a session", () => {
  it.each(["", "config", "./config"])("is kept below HOME where XDG_CONFIG_HOME is %j", async (base) => {
    await mkdir(join(directory, "work"))
    const { code } = await run(join(directory, "work"), ["logout"], { HOME: directory, XDG_CONFIG_HOME: base })
    expect(code).toBe(0)
    expect(await readdir(join(directory, ".config/narrowgate"))).toEqual(["sessions.json"])
    expect(await readdir(join(directory, "work"))).toEqual([])
  })

  it.each([0o770, 0o707])("is neither kept nor believed where others may write: %o", async (mode) => {
    const kept = join(directory, ".config/narrowgate")
    expect((await run(directory, ["logout"])).code).toBe(0)
    expect((await stat(kept)).mode & 0o777).toBe(0o700)
    await chmod(kept, mode)
    for (const args of [["logout"], ["history", "--url", "https://authz.invalid"]]) {
      const { code, stderr } = await run(directory, args)
      expect([code, stderr]).toEqual([2, expect.stringMatching(/others may write in .*\n {2}fix: .*chmod 700 /u)])
    }
  })
})

describe("a file written whole", () => {
  it("follows no link that lay in wait", async () => {
    const [file, elsewhere] = [join(directory, "file"), join(directory, "elsewhere")]
    await writeFile(elsewhere, "untouched")
    await symlink(elsewhere, `${file}.${process.pid}.part`)
    await writeWhole(file, "secret", 0o600)
    expect(await readFile(elsewhere, "utf8")).toBe("untouched")
    expect((await stat(file)).mode & 0o777).toBe(0o600)
  })

  it("keeps its mode whatever the umask", async () => {
    const file = join(directory, "file")
    await writeFile(file, "old")
    await chmod(file, 0o666)
    await writeWhole(file, "new")
    expect([await readFile(file, "utf8"), (await stat(file)).mode & 0o777]).toEqual(["new", 0o666])
  })
})

it("an error tells what a Worker answers without what would steer a terminal", async () => {
  const server = createServer((_request, response) => response.writeHead(403).end("a\u{1b}[2J\u{9b}31m\u{202e}\nb"))
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening))
  const address = server.address()
  const url = `http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`
  const { stderr } = await run(directory, ["approvals", "--url", url], { NARROWGATE_TOKEN: "person" })
  server.close()
  expect(stderr).toContain("answered 403 a\\u{1b}[2J\\u{9b}31m\\u{202e}\\nb\n")
  const issuer = await run(directory, ["login", "--issuer", "no\u{202e}where"])
  expect(issuer.stderr).toContain("error: --issuer cannot be no\\u{202e}where\n")
})

/** A provider on loopback. @param changed what its discovery document says in place of its own endpoints */
async function providerWith(changed: Readonly<Record<string, string>>) {
  let origin = ""
  const server = createServer((_request, response) => {
    const endpoints = { authorization_endpoint: `${origin}/authorize`, token_endpoint: `${origin}/token` }
    response.writeHead(200, { "Content-Type": "application/json" })
    response.end(JSON.stringify({ issuer: origin, ...endpoints, ...changed }))
  })
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening))
  const address = server.address()
  origin = `http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`
  return { origin, close: () => server.close() }
}
