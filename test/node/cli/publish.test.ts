/** Publishing as people do it: the command, against the Worker in workerd. */
import { execFile } from "node:child_process"
import { cp, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises"
import { createServer } from "node:http"
import { tmpdir } from "node:os"
import { basename, join } from "node:path"
import { promisify } from "node:util"
import { decodeJwt } from "jose"
import { describe, expect, test } from "vitest"
import { z } from "zod"
import { EXAMPLE, ownStack } from "./own-stack.ts"
import { expectFailures, run } from "./run.ts"

const own = ownStack(async ({ directory, stack }) => {
  // As this stack has them: who publishes something else would be told by nobody who they are.
  await cp(EXAMPLE, join(directory, "policies"), { recursive: true })
  const keys = z
    .object({ publisher: z.object({ privateJwk: z.unknown() }) })
    .parse(JSON.parse(await readFile(join(directory, "state/keys.json"), "utf8")))
  await writeFile(join(directory, "publisher.jwk"), JSON.stringify(keys.publisher.privateJwk))
  const issuers = join(directory, "policies/issuers.yaml")
  const text = await readFile(issuers, "utf8")
  await writeFile(issuers, text.replaceAll("http://127.0.0.1:8788", stack.provider))
  const git = async (...args: readonly string[]) => promisify(execFile)("git", ["-C", directory, ...args])
  await git("init", "-q")
  await git("config", "user.email", "ada@example.org")
  await git("config", "user.name", "Ada")
  await git("add", "policies")
  await git("commit", "-qm", "rules as they were")
})

async function edit(file: string, change: (text: string) => string): Promise<void> {
  const path = join(own().directory, file)
  await writeFile(path, change(await readFile(path, "utf8")))
}

const KEY = ["--key", "publisher.jwk"]
const narrowgate = async (...args: readonly string[]) =>
  run(own().directory, args, { NARROWGATE_URL: own().stack.origin, NARROWGATE_TOKEN: "" })
const asOperator = async (...args: readonly string[]) => narrowgate(...args, "--idp", own().stack.provider)

const history = z.array(z.object({ seq: z.number(), digest: z.string(), by: z.string(), why: z.string() }))
const published = async () => history.parse(JSON.parse((await asOperator("history", "--json")).stdout))

describe("publish", () => {
  test("has the Worker decide by what is committed; who and why is what git knows", async () => {
    const { code, stdout, stderr } = await narrowgate("publish", ...KEY)
    expect([code, stderr]).toEqual([0, expect.stringContaining("no problems")])
    // Without a terminal there is no line that changes, so a wait says what it is for.
    expect(stderr).toMatch(/\nwaiting until http:\S+ decides by it, for up to a minute; --no-wait does not wait\n$/)
    expect(stdout).toMatch(
      /^bundle 2, [0-9a-f]{12}, decides from now on \(ada@example\.org: [0-9a-f]+ rules as they were\)\n/,
    )
    const [latest, first] = await published()
    expect(latest).toMatchObject({ seq: 2, by: "ada@example.org" })
    expect(first).toMatchObject({ seq: 1, by: "the local stack" })
    const told = await asOperator("status")
    expect(told.stdout).toMatch(
      /^decides {4}bundle 2, [0-9a-f]{12}, since .*, by ada@example\.org: .* rules as they were\npolicies {3}is what decides\n$/,
    )
  })

  test("of what is not committed says so, unless another reason is given", async () => {
    await edit("policies/guardrails.yaml", (text) => `${text}\n# edited\n`)
    const { stdout } = await narrowgate("publish", ...KEY)
    expect(stdout).toMatch(/\(ada@example\.org: [0-9a-f]+ rules as they were, with uncommitted changes\)\n/)
    // No repository, and one without a commit of it.
    const nowhere = await mkdtemp(join(tmpdir(), "narrowgate-no-git-"))
    await cp(join(own().directory, "policies"), join(nowhere, "mine"), { recursive: true })
    for (const directory of [join(nowhere, "mine"), "new"]) {
      await cp(join(nowhere, "mine"), join(own().directory, "new"), { recursive: true })
      const done = await narrowgate("publish", directory, ...KEY, "--json")
      expect(JSON.parse(done.stdout)).toMatchObject({ why: `${basename(directory)}, not committed`, done: true })
    }
    await Promise.all([nowhere, join(own().directory, "new")].map(async (each) => rm(each, { recursive: true })))
    const done = await narrowgate("publish", ...KEY, "--why", "a comment", "--by", "Bo", "--json")
    expect(JSON.parse(done.stdout)).toMatchObject({ by: "Bo", why: "a comment", what: "pointer", done: true })
  })

  test("of a directory that does not check changes nothing", async () => {
    const before = await published()
    await edit("policies/catalog.yaml", (text) => text.replace("tools:", "tols:"))
    const { code, stderr } = await narrowgate("publish", ...KEY, "--why", "x")
    expect([code, stderr]).toEqual([
      1,
      expect.stringContaining("policies does not check: nothing was published\n  fix: "),
    ])
    await edit("policies/catalog.yaml", (text) => text.replace("tols:", "tools:"))
    expect(await published()).toEqual(before)
  })

  test("of rules that do not decide as their tests say changes nothing, unless one says so", async () => {
    const before = await published()
    const strict = 'context.task.labels.contains("reads:confidential")'
    const lax = 'context.task.labels.contains("sink:external")'
    await edit("policies/limits.cedar", (text) => text.replace(strict, lax))
    const { code, stderr } = await narrowgate("publish", ...KEY, "--why", "x")
    expect([code, stderr]).toEqual([
      1,
      expect.stringMatching(/\d+ of \d+ tests of policies fail: nothing was published/),
    ])
    expect(await published()).toEqual(before)
    expect((await narrowgate("publish", ...KEY, "--why", "in a hurry", "--untested")).code).toBe(0)
    await edit("policies/limits.cedar", (text) => text.replace(lax, strict))
  })

  test("by a key that the Worker does not know, by none, by what is no key", async () => {
    const made = await narrowgate("keygen", "--out", "other.jwk")
    expect(JSON.parse(made.stdout)).toMatchObject({ keys: [{ kty: "EC", use: "sig" }] })
    expect(made.stdout).not.toContain('"d"')
    expect((await stat(join(own().directory, "other.jwk"))).mode & 0o777).toBe(0o600)
    expect((await narrowgate("keygen", "--out", "other.jwk")).stderr).toContain("other.jwk is there already")
    await expectFailures(
      (...args) => narrowgate("publish", "--why", "x", ...args),
      [
        [["--key", "other.jwk"], 1, "the Worker answered 401"],
        [[], 2, "no publisher's key"],
        [["--key", "policies/catalog.yaml"], 2, "holds no private EC key"],
        [["--key", "nowhere.jwk"], 1, "nowhere.jwk"],
      ],
    )
  })

  test("to nobody says where it looked", async () => {
    const { code, stderr } = await narrowgate("publish", ...KEY, "--why", "x", "--url", "http://127.0.0.1:9")
    expect([code, stderr]).toEqual([3, expect.stringContaining("no answer from http://127.0.0.1:9")])
  })

  test("of a candidate is told as one, and withdrawn", async () => {
    const tried = await narrowgate("publish", "--candidate", ...KEY, "--why", "a trial")
    expect(tried.stdout).toMatch(/is the candidate beside the live bundle \(ada@example\.org: a trial\)/)
    expect((await asOperator("status")).stdout).toMatch(/\ntried {6}bundle \d+, /)
    expect((await narrowgate("publish", "--withdraw", ...KEY)).stdout).toContain("withdraws the candidate")
    expect((await asOperator("status")).stdout).not.toContain("tried")
  })
})

describe("rollback", () => {
  test("goes back to what decided before, or to the one named, under a number of its own", async () => {
    const [, , second] = (await published()).toReversed()
    const back = await narrowgate("rollback", ...KEY, "--why", "too much")
    expect([back.code, back.stdout]).toEqual([
      0,
      expect.stringContaining("decides from now on (ada@example.org: too much)"),
    ])
    const named = await narrowgate("rollback", "1", ...KEY)
    expect(named.stdout).toMatch(/\(ada@example\.org: back to 1: as it stands in /)
    const [latest] = await published()
    expect(latest?.digest).not.toBe(second?.digest)
    const none = await narrowgate("rollback", "99", ...KEY)
    expect([none.code, none.stderr]).toEqual([2, expect.stringContaining("99 is no bundle that has decided")])
  })
})

describe("somebody else has published meanwhile", () => {
  const meanwhile = { what: "pointer", digest: "b".repeat(64), at: 0, by: "Eve", why: "a hurry", kid: "k", done: true }

  async function publishing(over: readonly string[]) {
    const asked: string[] = []
    const audiences = new Set<string>()
    const server = createServer((request, response) => {
      if (request.method === "GET" && request.url === "/v1/bundles") {
        response.end(JSON.stringify({ seq: 5, live: { ...meanwhile, seq: 5 }, history: [] }))
        return
      }
      if (request.url === "/readyz") {
        response.end(JSON.stringify({ status: "ready", bundle: { seq: 5, digest: "a".repeat(64) } }))
        return
      }
      const signed = decodeJwt(String(request.headers["x-narrowgate-publication"]))
      const { seq, aud } = z.object({ seq: z.number(), aud: z.string() }).parse(signed)
      audiences.add(aud)
      asked.push(String(seq))
      request.resume().once("end", () => {
        if (seq > 7) response.end(JSON.stringify({ ...meanwhile, seq, by: "me", why: "mine" }))
        else response.writeHead(409).end(JSON.stringify({ seq: 7, live: { ...meanwhile, seq: 6 } }))
      })
    })
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
    const { port } = z.object({ port: z.number() }).parse(server.address())
    const url = `http://127.0.0.1:${port}`
    const answer = await narrowgate("publish", ...KEY, "--why", "mine", "--no-wait", "--url", url, ...over)
    server.close()
    return { ...answer, asked, audiences: [...audiences] }
  }

  test("and what is signed is for the address that was named, whatever its server calls itself", async () => {
    const { audiences } = await publishing(["--over", "6"])
    expect(audiences).toEqual([expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/u)])
    expect((await publishing(["--audience", "https://authz.example"])).audiences).toEqual(["https://authz.example"])
    const plain = await narrowgate("publish", ...KEY, "--why", "x", "--url", "http://192.0.2.1")
    expect([plain.code, plain.stderr]).toEqual([2, expect.stringContaining("http://192.0.2.1 is not https")])
  })

  test("and is not overwritten unseen, only where one says so", async () => {
    const refused = await publishing([])
    expect([refused.code, refused.asked]).toEqual([1, ["6"]])
    expect(refused.stderr).toMatch(/bundle 6 was published meanwhile, .*, by "Eve": "a hurry"\n.* add --over 6\./)
    expect(await publishing(["--over", "5"])).toMatchObject({ code: 1, asked: ["6"] })
    expect(await publishing(["--over", "6"])).toMatchObject({ code: 0, asked: ["6", "8"] })
  })
})

test("status has a line for each sink", async () => {
  const path = join(own().directory, "policies/sinks.yaml")
  // Nothing listens there.
  await writeFile(path, "sinks: [{ id: lake, kind: ocsf, url: 'http://127.0.0.1:9/in' }]\n")
  expect((await narrowgate("publish", ...KEY, "--why", "with a sink")).code).toBe(0)
  const lacks = /\nsink {7}lake \(ocsf\) lacks \d+ records?, the oldest \d+ s old.*\n$/
  await expect.poll(async () => (await asOperator("status")).stdout, { timeout: 30_000 }).toMatch(lacks)
  const { sinks } = z
    .looseObject({ sinks: z.array(z.looseObject({ id: z.string() })) })
    .parse(JSON.parse((await asOperator("status", "--json")).stdout))
  expect(sinks.map(({ id }) => id)).toEqual(["lake"])
})
