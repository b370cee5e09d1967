/** `narrowgate revoke`, against the Worker of a local stack. */
import { describe, expect, it, vi } from "vitest"
import { z } from "zod"
import { switchText } from "../../../cli/commands/revoke.ts"
import { ownStack } from "./own-stack.ts"
import { run, type Ran } from "./run.ts"

const own = ownStack()
const SUPPORT = "spiffe://example.org/agent/support"
const revoke = async (...args: readonly string[]): Promise<Ran> =>
  run(own().directory, ["revoke", ...args, "--idp", own().stack.provider], {
    NARROWGATE_URL: own().stack.origin,
    NARROWGATE_TOKEN: "",
  })
const listing = z.array(z.looseObject({ id: z.string() }))
const listed = async () => listing.parse(JSON.parse((await revoke("list", "--json")).stdout))
const token = async (): Promise<Ran> =>
  run(own().directory, ["token", "exchange", "--agent", SUPPORT, "--user", "alice", "--idp", own().stack.provider], {
    NARROWGATE_URL: own().stack.origin,
  })

it("stops an agent, says so with who, why and when, and lets it go on", async () => {
  expect(await revoke("list")).toMatchObject({ code: 0, stdout: "Nothing is suspended.\n" })
  expect((await token()).code).toBe(0)
  const stopped = await revoke("--agent", SUPPORT, "--reason", "odd hours")
  expect(stopped).toMatchObject({ code: 0, stderr: expect.stringMatching(/^suspending {2}at least 1 task/u) })
  expect(stopped.stdout).toContain("  suspends  at least 1 task")
  const [, id = ""] = /^(swi_\S+) {2}agent spiffe:\/\/example\.org\/agent\/support\n/.exec(stopped.stdout) ?? []
  expect(stopped.stdout).toContain(`narrowgate revoke lift ${id}\n`)
  expect((await token()).code).toBe(1)
  const { stdout } = await revoke("list")
  expect(stdout.split("\n")).toEqual([
    `${id}  agent ${SUPPORT}`,
    expect.stringMatching(/^ {2}by {8}http:\/\/127\.0\.0\.1:\d+\|narrowgate-cli$/u),
    "  because   odd hours",
    expect.stringMatching(/^ {2}since {5}\d{4}-.*Z$/u),
    "",
  ])
  expect(await revoke("lift", id)).toMatchObject({ code: 0, stdout: `${id}: resumed\n` })
  // What an isolate knows of switches it may rely on for two seconds.
  await vi.waitFor(async () => expect((await token()).code).toBe(0), { timeout: 10_000, interval: 500 })
  expect(await revoke("lift", id)).toMatchObject({ code: 1, stderr: expect.stringContaining("404") })
})

it("tells it as JSON, with the time before which it holds", async () => {
  const before = "2026-11-26T12:00:00.500+01:00"
  const misspelt = ["--user", "https://id.example|42", "--before", before, "--json"]
  expect(await revoke(...misspelt)).toMatchObject({ code: 1, stderr: expect.stringContaining("add --confirm") })
  const { stdout } = await revoke(...misspelt, "--confirm")
  const { id } = z.looseObject({ id: z.string() }).parse(JSON.parse(stdout))
  const user = { id, user: "https://id.example|42", before: Date.parse("2026-11-26T11:00:01Z") / 1000 }
  expect(JSON.parse(stdout)).toEqual({ ...user, known: false, hits: expect.any(Object) })
  expect(await listed()).toEqual([{ ...user, by: expect.any(String), at: expect.any(Number) }])
  expect(JSON.parse((await revoke("lift", id, "--json")).stdout)).toEqual({ id, lifted: true })
})

it("ends a task and a token for good", async () => {
  const [first, second] = [(await token()).stdout.trim(), (await token()).stdout.trim()]
  const { task } = z
    .looseObject({ task: z.string() })
    .parse(JSON.parse(Buffer.from(first.split(".")[1] ?? "", "base64url").toString()))
  expect(await revoke("--task", task)).toMatchObject({ code: 0, stdout: `${task}: revoked\n` })
  expect(await revoke("--task", `${task}9`)).toMatchObject({ code: 1 })
  expect(await revoke("--token", second, "--reason", "seen in a log")).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^tsk_\S+: the token is revoked\n$/u),
  })
  expect(await listed()).toEqual([])
})

describe("stops nothing where it is not clear what", () => {
  it.each([
    [[], /exactly one of --task/],
    [["--agent", "a", "--everything"], /exactly one of --task/],
    [["--everything", "--before", "yesterday"], /--before cannot be yesterday/],
    [["--everything", "--before", "2026-11-26T12:00:00"], /--before cannot be/],
    [["--everything", "list"], /--everything does not go with `revoke list`/],
    [["lift", "swi_1", "--reason", "r"], /--reason does not go with/],
    [["everything"], /too many arguments/],
    [["lift"], /missing required argument/],
  ] as const)("%j", async (args, message) => {
    expect(await revoke(...args)).toMatchObject({ code: 2, stderr: expect.stringMatching(message) })
    expect(await listed()).toEqual([])
  })
})

it("says who may be meant where a user is named without an issuer, or a tool is misspelt", async () => {
  await token()
  const alice = await revoke("--user", "alice")
  expect(alice).toMatchObject({ code: 1, stderr: expect.stringContaining("no user `alice` is known") })
  expect(alice.stderr).toMatch(
    /Did you mean `http:\/\/127\.0\.0\.1:\d+\|alice`\? A user is named as ISSUER\|SUBJECT\./u,
  )
  const confirmed = await revoke("--user", "alice", "--confirm")
  expect(confirmed).toMatchObject({ code: 1, stderr: expect.stringContaining("A user is named by issuer and subject") })
  expect((await revoke("--tool", "crm.tickets.gett", "--preview")).stdout).toBe(
    "nothing of this name is known: did you mean `crm.tickets.get`?\n",
  )
  expect(await listed()).toEqual([])
})

it("suspends no provider at which the operator logs in, unless that is confirmed or it is for what was given before", async () => {
  const { provider } = own().stack
  const refused = await revoke("--issuer", provider)
  expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining("--confirm") })
  expect(await listed()).toEqual([])
  const before = "2026-11-26T12:00:00Z"
  const { code, stdout } = await revoke("--issuer", provider, "--before", before)
  expect(code).toBe(0)
  const [, id = ""] = /^(swi_\S+) {2}issuer http:\/\/127\.0\.0\.1:\d+\n/.exec(stdout) ?? []
  expect(await listed()).toMatchObject([{ id, issuer: provider, before: Date.parse(before) / 1000 }])
  expect(await revoke("lift", id)).toMatchObject({ code: 0 })
})

it("says what is wrong with a request, and what to do about it", async () => {
  const pattern = await revoke("--tool", "crm.t*")
  expect(pattern).toMatchObject({ code: 1, stderr: expect.stringContaining("A tool is named in full, or by a prefix") })
  expect(pattern.stderr).toContain("fix: Correct the request as the answer says.")
  expect((await revoke("--task", "tsk_nope")).stderr).toContain("A task is named by its id")
  expect((await revoke("--agent", SUPPORT, "--reason", "a\nb")).stderr).toContain("A reason has 1 to 1024 characters")
})

it("shows nothing that passes for a line of its own", () => {
  const told = switchText({ id: "swi_1", tool: "a\n  by me", by: "x\u001b[2J", reason: "\u202egood", at: 0 })
  expect(told.split("\n")).toEqual([
    "swi_1  tool a\ufffd  by me",
    "  by        x\ufffd[2J",
    "  because   \ufffdgood",
    "  since     1970-01-01T00:00:00.000Z",
  ])
  expect(switchText({ id: "swi_2", everything: true, before: 1, at: 1e300 })).toBe(
    "swi_2  everything\n  issued    before 1970-01-01T00:00:01.000Z\n  since     1e+300",
  )
})

it("erases a person, and says what is left of them", async () => {
  expect((await token()).code).toBe(0)
  const erase = async (...args: readonly string[]): Promise<Ran> =>
    run(own().directory, ["erase", ...args, "--idp", own().stack.provider], {
      NARROWGATE_URL: own().stack.origin,
      NARROWGATE_TOKEN: "",
    })
  expect(await erase("alice")).toMatchObject({ code: 2, stderr: expect.stringContaining("joined by |") })
  const { code, stdout } = await erase(`${own().stack.provider}|alice`, "--reason", "their request")
  expect(code).toBe(0)
  const counts = String.raw`\n {2}tasks ended {8}[1-9]\d*\n {2}task trees deleted [1-9]\d*\n {2}records erased {5}[1-9]\d*\n`
  expect(stdout).toMatch(new RegExp(`: erased${counts}What is left:\n`, "u"))
  expect(stdout).toMatch(/ {2}until \d{4}-.*Z: The platform's point-in-time recovery/u)
  const again = await erase(`${own().stack.provider}|alice`, "--json")
  expect(JSON.parse(again.stdout)).toMatchObject({ ended: 0, erased: 0 })
})

it("revokes a key for good, and names no way to lift that", async () => {
  const [header = ""] = (await token()).stdout.split(".")
  const { kid } = z.looseObject({ kid: z.string() }).parse(JSON.parse(Buffer.from(header, "base64url").toString()))
  const { code, stdout } = await revoke("--key", kid)
  expect(code).toBe(0)
  expect(stdout).toContain("  in force  now; for good: a revoked key is never accepted again\n")
  expect(stdout).not.toContain("revoke lift")
})
