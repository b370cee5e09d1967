/** What a stranger gets by the packed file alone, in an empty directory: the whole command, and how long it takes. */
import { execFileSync, type ChildProcess } from "node:child_process"
import { once } from "node:events"
import { appendFile, readdir, readFile, writeFile } from "node:fs/promises"
import { createServer, type IncomingMessage } from "node:http"
import type { AddressInfo } from "node:net"
import { join } from "node:path"
import { text } from "node:stream/consumers"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { startEverything, type Upstream } from "../../dev/upstreams.ts"
import { freePort, twoFreePorts } from "../../dev/loopback.ts"
import { runStep } from "./action.ts"
import { emptyPlace, NEWEST, OLDEST, type Place, type Ran } from "./installed.ts"

const AGENT = ["--agent", "spiffe://example.org/agent/assistant", "--user", "alice"] as const
const NODES = [OLDEST, NEWEST] as const

/** What was measured → on which Node → how much. */
const figures = new Map<string, Map<string, string>>()
function measured(what: string, node: string, figure: number, unit = "s"): void {
  figures.set(what, (figures.get(what) ?? new Map<string, string>()).set(node, `${figure.toFixed(1)} ${unit}`))
}

let everything: Upstream
beforeAll(async () => {
  everything = await startEverything({ port: 0 })
})
afterAll(async () => {
  await everything.close()
  const rows = Array.from(figures, ([what, by]) => [what, ...NODES.map((node) => by.get(node) ?? "–")])
  const lines = [["", ...NODES.map((node) => `Node ${node}`)], ...rows]
  console.log(
    lines.map(([what = "", ...rest]) => what.padEnd(44) + rest.map((one) => one.padStart(10)).join("")).join("\n"),
  )
})

/** Waits until the process has written a line that matches. */
async function untilSaid(child: ChildProcess, line: RegExp): Promise<RegExpExecArray> {
  let said = ""
  child.stdout?.on("data", (part: Buffer) => (said += String(part)))
  child.stderr?.on("data", (part: Buffer) => (said += String(part)))
  for (;;) {
    const found = line.exec(said)
    if (found) return found
    if (child.exitCode !== null) throw new Error(`it has ended: ${said}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

function megabytes(directory: string): number {
  const [bytes = ""] = execFileSync("du", ["-sb", directory], { encoding: "utf8" }).split("\t")
  return Number(bytes) / 1e6
}

async function isUp(port: number): Promise<boolean> {
  return fetch(`http://127.0.0.1:${port}/healthz`).then(
    () => true,
    () => false,
  )
}

/** The command that a failure names as its fix. */
const fixOf = ({ stderr }: Ran): readonly string[] =>
  (/fix: Install .*: npm (.*)\n$/u.exec(stderr)?.[1] ?? "").split(" ")

describe.each(NODES)("on Node %s", (node) => {
  let there: Place
  let origin: string
  const inNode = (what: string, { seconds }: { seconds: number }): void => measured(what, node, seconds)

  beforeAll(async () => {
    there = await emptyPlace(node)
    origin = `http://127.0.0.1:${await freePort()}`
  }, 120_000)
  afterAll(async () => there[Symbol.asyncDispose]())

  test("init makes policies, and a directory in which the command can be installed", async () => {
    expect((await there.run("node", "--version")).stdout).toMatch(new RegExp(`^v${node}\\b`))
    const npx = async (...args: readonly string[]): Promise<Ran> =>
      there.run("npx", "--yes", "--package", there.tarball, "narrowgate", ...args)
    const made = await npx("init", "--mcp", everything.url, "--server", "everything", "--origin", origin, "--yes")
    expect(made).toMatchObject({
      code: 0,
      stdout: expect.stringContaining(
        "\nNext:\n  npm install\n  npx narrowgate check policies\n  npx narrowgate dev --policies policies --gateway\n",
      ),
    })
    inNode("npx narrowgate init, downloaded", made)
    expect((await readdir(there.directory)).toSorted()).toEqual([".gitignore", "package.json", "policies"])
    const dev = await npx("dev")
    expect(dev.code).toBe(1)
    expect(fixOf(dev).join(" ")).toMatch(/^install --save-dev --save-exact miniflare@[\d.]+\S* oidc-provider@[\d.]+$/u)
  })

  test("one installation brings it, and what the local stack needs", async () => {
    const installed = await there.run("npm", "install", "--save-dev", "--no-audit", "--no-fund", there.tarball)
    expect(installed).toMatchObject({ code: 0, stderr: "" })
    inNode("npm install", installed)
    measured("its size", node, megabytes(join(there.directory, "node_modules")), "MB")
    measured("its size, without the local stack", node, megabytes(there.temporary), "MB")
    expect(await there.narrowgate("--version")).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^\d+\.\d+\.\d+/u),
    })
    const checked = await there.narrowgate("check")
    expect(checked).toMatchObject({ code: 0, stdout: expect.stringContaining("no problems") })
    inNode("check", checked)
    const tested = await there.narrowgate("test")
    expect(tested.code).toBe(0)
    inNode("test", tested)
  })

  test("the local stack allows a call and denies another, takes a publication, and ends with a signal", async () => {
    const port = await twoFreePorts()
    const begin = performance.now()
    const dev = there.start("dev", "--port", String(port), "--gateway")
    const [, key = ""] = await untilSaid(dev, /^Publisher's key {3}(\S+) [^]*^Behind a gateway .*\n/mu)
    inNode("dev, until it is ready", { seconds: (performance.now() - begin) / 1000 })
    const where = ["--url", `http://127.0.0.1:${port}`]
    const allowed = await there.narrowgate(
      "try",
      "everything.echo",
      "--arguments",
      '{"message":"hi"}',
      ...AGENT,
      ...where,
    )
    expect(allowed).toMatchObject({ code: 0, stdout: expect.stringContaining("Echo: hi") })
    inNode("an allowed call", allowed)
    const denied = await there.narrowgate("try", "everything.get-env", ...AGENT, ...where)
    expect(denied).toMatchObject({ code: 1, stdout: expect.stringMatching(/^denied .*\n {2}insufficient_scope\n/u) })
    inNode("a denied call", denied)
    const published = await there.narrowgate("publish", "--key", key, "--by", "ann", "--why", "to see it", ...where)
    expect(published).toMatchObject({ code: 0, stdout: expect.stringContaining("decides by it") })
    inNode("publish", published)
    dev.kill("SIGTERM")
    await once(dev, "close")
    await expect.poll(async () => isUp(port), { timeout: 10_000 }).toBe(false)
    // No key of it comes into a commit.
    expect(await readFile(join(there.directory, ".narrowgate/.gitignore"), "utf8")).toBe("*\n")
  })

  // Which one does not depend on the version.
  const signal = node === OLDEST ? "SIGHUP" : "SIGKILL"
  test(`the local stack ends wholly with an npm that gets ${signal}`, async () => {
    const port = await twoFreePorts()
    const dev = there.start("dev", "--port", String(port))
    await untilSaid(dev, /^Publisher's key /mu)
    dev.kill(signal)
    await once(dev, "close")
    await expect.poll(async () => isUp(port), { timeout: 10_000 }).toBe(false)
  })

  test("a deployment is tried without an account, once the tool for it is installed", async () => {
    const document = { openapi: "3.1.0", info: {}, paths: { "/notes/{note}": { get: { operationId: "readNote" } } } }
    await writeFile(join(there.directory, "notes.json"), JSON.stringify(document))
    const trust = ["--issuer", "https://idp.example", "--spiffe-bundle", "https://spire.acme.example/bundle"]
    const api = ["--openapi", "notes.json", "--server", "notes", "--origin", "https://api.example", ...trust]
    const made = await there.narrowgate(
      "init",
      "production",
      ...api,
      "--agent",
      "spiffe://acme.example/a",
      "--operator",
      "ann",
      "--yes",
    )
    expect(made).toMatchObject({ code: 0, stdout: expect.stringContaining("production: written, and it checks") })
    expect((await there.narrowgate("keygen", "--out", "staging.jwk")).code).toBe(0)
    const deploy = async (): Promise<Ran> =>
      there.narrowgate(
        ...["deploy", "--env", "staging", "--host", "authz.staging.example", "--key", "staging.jwk"],
        ...["--policies", "production", "--dry-run"],
      )
    const without = await deploy()
    expect([without.code, fixOf(without)[3]]).toEqual([1, expect.stringMatching(/^wrangler@[\d.]+$/u)])
    const installed = await there.run("npm", ...fixOf(without), "--no-audit", "--no-fund")
    expect(installed.code).toBe(0)
    inNode("npm install wrangler", installed)
    const tried = await deploy()
    expect(tried).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(
        /^it builds\n[^]*\nmain = "node_modules\/narrowgate\/worker\/index\.js"\n[^]*would (\d)\/\1 /mu,
      ),
    })
    inNode("deploy --dry-run", tried)
    expect(await readdir(there.directory)).not.toContain("wrangler.staging.toml")
  })

  test.runIf(node === NEWEST)("the action reviews a change, comments once, and publishes what is merged", async () => {
    const git = async (...args: readonly string[]): Promise<string> =>
      (await there.run("git", "-c", "user.name=ann", "-c", "user.email=ann@example.org", ...args)).stdout.trim()
    await git("init", "--quiet")
    await git("add", "--all")
    await git("commit", "--quiet", "--message", "as init wrote it")
    expect(await git("ls-files", "*.jwk", "node_modules", ".narrowgate")).toBe("")
    const base = await git("rev-parse", "HEAD")
    const rule =
      '\n@id("no-sums")\nforbid (principal, action == Action::"read", resource == Tool::"everything.get-sum");\n'
    await appendFile(join(there.directory, "policies/limits.cedar"), rule)

    await using github = await startComments()
    const variables = {
      ...{ GITHUB_API_URL: github.url, GITHUB_REPOSITORY: "ann/policies", GITHUB_ACTOR: "ann" },
      ...{ RUNNER_TEMP: there.directory, GITHUB_STEP_SUMMARY: join(there.directory, "summary.md") },
    }
    const contexts = {
      "github.event.pull_request.base.sha": base,
      "github.event.pull_request.number": "7",
      "github.token": "ghs_of-the-job",
    }
    const step = async (name: string, more: Readonly<Record<string, string>> = {}) =>
      runStep(there, name, { ...contexts, ...more }, variables)
    expect(await step("Check")).toMatchObject({ code: 0 })
    expect(await step("Test")).toMatchObject({ code: 0 })
    const untested = { code: 1, stdout: expect.stringContaining("Without a test: no-sums.") }
    expect(await step("Test", { "inputs.min-coverage": "100" })).toMatchObject(untested)
    for (const times of [1, 2]) {
      expect(await step("Compare with the base")).toMatchObject({ code: 0, stderr: "" })
      expect(await step("Comment")).toMatchObject({ code: 0, stdout: "", stderr: "" })
      expect(github.comments, `the ${times}. time`).toHaveLength(2)
    }
    expect(github.comments[1]).toEqual({
      ...{ id: 2, user: { login: "github-actions[bot]" } },
      body: await readFile(join(there.directory, "narrowgate-diff.md"), "utf8"),
    })
    expect(github.comments[1]?.body).toMatch(/^<!-- narrowgate diff -->\n[^]*no-sums/u)
    expect(github.tokens).toEqual(new Set(["Bearer ghs_of-the-job"]))
    const shallow = await step("Compare with the base", { "github.event.pull_request.base.sha": "0".repeat(40) })
    expect(shallow).toMatchObject({ code: 1, stdout: expect.stringContaining("::error::the base is not checked out") })
    await git("stash", "--quiet")

    const port = await twoFreePorts()
    const dev = there.start("dev", "--port", String(port))
    const [, key = ""] = await untilSaid(dev, /^Publisher's key {3}(\S+) /mu)
    const to = { "inputs.url": `http://127.0.0.1:${port}`, "inputs.publisher-key": await readFile(key, "utf8") }
    expect(await step("Publish", to)).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/^bundle 2, .* decides from now on \(ann: [\da-f]+ as init wrote it\)\n/u),
    })
    dev.kill("SIGTERM")
    await once(dev, "close")
  })
})

interface Comment {
  readonly id: number
  readonly user: { readonly login: string }
  readonly body: string
}

/** The comments of one pull request, as GitHub keeps them: one of them by somebody who wants theirs to be edited. */
async function startComments() {
  const comments: Comment[] = [{ id: 1, user: { login: "eve" }, body: "<!-- narrowgate diff -->\nall is well" }]
  const tokens = new Set<string | undefined>()
  const bodyOf = async (request: IncomingMessage): Promise<string> => {
    const { body }: { readonly body: string } = JSON.parse(await text(request))
    return body
  }
  const answer = async (request: IncomingMessage): Promise<unknown> => {
    tokens.add(request.headers.authorization)
    const user = { login: "github-actions[bot]" }
    switch (`${request.method} ${request.url}`) {
      case "GET /repos/ann/policies/issues/7/comments?per_page=100":
        return comments
      case "POST /repos/ann/policies/issues/7/comments":
        return comments.push({ id: 2, user, body: await bodyOf(request) })
      case "PATCH /repos/ann/policies/issues/comments/2":
        return comments.splice(1, 1, { id: 2, user, body: await bodyOf(request) })
      default:
        throw new Error(`${request.method} ${request.url} is not expected`)
    }
  }
  const server = createServer((request, response) => {
    answer(request).then(
      (value) => response.setHeader("Content-Type", "application/json").end(JSON.stringify(value)),
      (error: unknown) => response.writeHead(500).end(String(error)),
    )
  }).listen(0, "127.0.0.1")
  await once(server, "listening")
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- it listens on a port
  const { port } = server.address() as AddressInfo
  return {
    ...{ url: `http://127.0.0.1:${port}`, comments, tokens },
    [Symbol.asyncDispose]: async () => {
      server.close()
      await once(server, "close")
    },
  }
}
