/** `narrowgate deploy`: what it refuses, in which order it does things, and a dry run, which needs no account. */
import { execFile } from "node:child_process"
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { generatePublisherKey } from "../../../cli/compiler/sign.ts"
import { checkSettings, configurationOf, settingsIn, type Settings } from "../../../dev/deploy/settings.ts"
import { deploy, type Outside } from "../../../dev/deploy/steps.ts"

const ROOT = join(import.meta.dirname, "../../..")
const base = await readFile(join(ROOT, "wrangler.toml"), "utf8")

const STAGING: Settings = {
  environment: "staging",
  host: "authz.staging.example",
  publisherKeys: '{"keys":[{"kid":"$1","x":"abc"}]}',
  namespace: "abc",
  signingAlgorithm: "EdDSA",
  maxProbeRequests: "900",
  recordDelaySeconds: "5",
  jurisdiction: "eu",
}

describe("its configuration", () => {
  test("keeps what is an environment's own, and has everything else of wrangler.toml", () => {
    const text = configurationOf(base, STAGING, ["our-records"])
    expect(settingsIn("staging", text)).toEqual(STAGING)
    const lines = new Set(text.split("\n"))
    const lost = base.split("\n").filter((line) => !lines.has(line))
    expect(lost.map((line) => line.split(" = ")[0])).toEqual([
      "name",
      "# ISSUER",
      "# PUBLISHER_KEYS",
      "SIGNING_ALGORITHM",
      "MAX_PROBE_REQUESTS",
      "RECORD_DELAY_SECONDS",
      "JURISDICTION",
    ])
    expect(text).toContain('ISSUER = "https://authz.staging.example"')
    expect(text).toMatch(/^workers_dev = false\npreview_urls = false$/mu)
    expect(text).not.toContain("LOCAL")
  })

  test("binds the Worker to each bucket that the policies name, in the jurisdiction of the deployment", () => {
    const buckets = ["our-records", "our-records2"]
    const bindings = (settings: Settings): string =>
      configurationOf(base, settings, buckets).split("\n[[r2_buckets]]\n").slice(1).join("")
    expect(bindings(STAGING)).toBe(
      'binding = "R2_OUR_RECORDS"\nbucket_name = "our-records"\njurisdiction = "eu"\n' +
        'binding = "R2_OUR_RECORDS2"\nbucket_name = "our-records2"\njurisdiction = "eu"\n',
    )
    expect(bindings({ ...STAGING, jurisdiction: "" })).not.toContain("jurisdiction")
    expect(configurationOf(base, STAGING, [])).not.toContain("r2_buckets")
  })

  test.each([
    ["host", { host: STAGING.host }],
    ["KV namespace", { namespace: "abc" }],
    ["publisher's key", { publisherKeys: STAGING.publisherKeys }],
    ["publisher's key", { publisherKeys: '{"keys":[{"kid":"new","x":"def"},{"kid":"$1","x":"abc"}]}' }],
    ["publisher's key", { publisherKeys: '{"keys":[{"kid":"by another name","x":"abc"}]}' }],
  ])("shares no %s with another's", (what, same) => {
    const production = {
      ...STAGING,
      environment: "production",
      host: "authz.example",
      namespace: "def",
      publisherKeys: '{"keys":[{"kid":"other"}]}',
    }
    expect(() => checkSettings(production, [STAGING])).not.toThrow()
    expect(() => checkSettings({ ...production, ...same }, [STAGING])).toThrow(`the same ${what}`)
  })

  test.each([
    "",
    "localhost",
    "https://authz.example",
    "authz.example/x",
    "Authz.example",
    "203.0.113.7",
    'a.example"',
  ])("is at no host like %j", (host) => {
    expect(() => checkSettings({ ...STAGING, host }, [])).toThrow("is no host name")
  })
})

const DIGEST = "d".repeat(64)
const BUCKET = "r2 bucket info our-records --json --jurisdiction eu"

/** An account, and a Worker as far as anybody sees it. */
function account(more: Partial<Outside> = {}, state = { namespaces: ["other"], secrets: ["PROBE_DESK"], digest: "" }) {
  const done: string[] = []
  const outside: Outside = {
    async wrangler(args) {
      done.push(args.join(" "))
      if (args[1] === "namespace" && args[2] === "create") state.namespaces.push(String(args[3]))
      if (args[0] === "kv")
        return `a warning\n${JSON.stringify(state.namespaces.map((title) => ({ id: `id-of-${title}`, title })))}`
      return JSON.stringify(state.secrets.map((name) => ({ name, type: "secret_text" })))
    },
    async publish() {
      done.push("publish")
      state.digest = DIGEST
    },
    async fetchJson(url) {
      if (url.endsWith("/healthz")) return { status: "alive" }
      if (url.endsWith("/readyz")) return state.digest === "" ? null : { bundle: { seq: 1, digest: state.digest } }
      return { issuer: "https://authz.staging.example" }
    },
    async writeConfiguration({ namespace }) {
      done.push(`write ${namespace}`)
    },
    pause: async () => undefined,
    say: (line) => done.push(`- ${line}`),
    ...more,
  }
  const run = async (settings: Settings, isDry = false) =>
    deploy({ settings, digest: DIGEST, secrets: ["PROBE_DESK"], buckets: ["our-records"] }, outside, isDry)
  return {
    run,
    did: () => done.filter((line) => !line.startsWith("- ")),
    said: () => done.filter((line) => line.startsWith("- ")),
  }
}

describe("deploying", () => {
  const fresh = { ...STAGING, namespace: null }

  test("makes what is not there, in this order", async () => {
    const { run, did, said } = account()
    await run(fresh)
    expect(did()).toEqual([
      "kv namespace list",
      "kv namespace create narrowgate-staging-bundles",
      "kv namespace list",
      "write id-of-narrowgate-staging-bundles",
      BUCKET,
      "deploy",
      "secret list",
      "publish",
    ])
    expect(said()).toHaveLength(7)
    expect(said()[0]).toMatch(/^- 1\/7 KV namespace: find narrowgate-staging-bundles/u)
  })

  test("does again only what has to be done again", async () => {
    const { run, did } = account(
      {},
      { namespaces: ["narrowgate-staging-bundles"], secrets: ["PROBE_DESK"], digest: DIGEST },
    )
    await run(fresh)
    expect(did()).toEqual([
      "kv namespace list",
      "write id-of-narrowgate-staging-bundles",
      BUCKET,
      "deploy",
      "secret list",
    ])
    await run(STAGING)
    expect(did().slice(5)).toEqual([BUCKET, "deploy", "secret list"])
  })

  test("does nothing at all when it is to say what it would do", async () => {
    const { run, did, said } = account()
    await run(fresh, true)
    expect(did()).toEqual([])
    expect(said().map((line) => line.slice(0, 10))).toEqual(
      Array.from({ length: 7 }, (_, index) => `- would ${index + 1}/`),
    )
  })

  test("stops before it publishes where a secret is missing, and says what to run", async () => {
    const { run, did } = account({}, { namespaces: [], secrets: [], digest: "" })
    await expect(run(STAGING)).rejects.toMatchObject({
      message: "the Worker has no PROBE_DESK",
      fix: expect.stringContaining("npx wrangler secret put PROBE_DESK --config wrangler.staging.toml"),
    })
    expect(did()).not.toContain("publish")
  })

  test("stops before it deploys where a bucket is missing, and says what to run", async () => {
    const done: string[] = []
    const { run } = account({
      async wrangler(args) {
        done.push(args.join(" "))
        if (args[0] === "r2") throw new Error("The specified bucket does not exist.")
        return "[]"
      },
    })
    await expect(run(STAGING)).rejects.toMatchObject({
      message: "the R2 bucket our-records was not found: The specified bucket does not exist.",
      fix: "npx wrangler r2 bucket create our-records --jurisdiction eu; then begin again.",
    })
    expect(done).toEqual([BUCKET])
  })

  test("stops where somebody else answers by that name, and where something else decides", async () => {
    const elsewhere = account({
      fetchJson: async (url) => (url.endsWith("healthz") ? { status: "alive" } : { issuer: "https://evil.example" }),
    })
    await expect(elsewhere.run(STAGING)).rejects.toThrow("authz.staging.example is not what it calls itself")
    expect(elsewhere.did()).not.toContain("publish")
    const outrun = account(
      { publish: async () => undefined },
      { namespaces: [], secrets: ["PROBE_DESK"], digest: "e".repeat(64) },
    )
    await expect(outrun.run(STAGING)).rejects.toThrow(`decides by ${"e".repeat(12)}`)
  })

  test("waits until its name is known, but not for ever", async () => {
    let paused = 0
    const pause = async (milliseconds: number): Promise<void> => void (paused += milliseconds)
    const { run } = account({ fetchJson: async () => null, pause })
    await expect(run(STAGING)).rejects.toMatchObject({
      message: "nothing of ours answers at authz.staging.example",
      exitCode: 3,
    })
    expect(paused).toBe(295_000)
  })
})

describe("a dry run", () => {
  let directory: string
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), "narrowgate-deploy-"))
    await cp(join(ROOT, "starters/read-only"), join(directory, "policies"), { recursive: true })
    const { privateJwk } = await generatePublisherKey()
    await writeFile(join(directory, "dry.jwk"), JSON.stringify(privateJwk))
  })
  afterAll(async () => rm(directory, { recursive: true }))

  const run = async (...args: readonly string[]): Promise<readonly [code: number | null, said: string]> =>
    new Promise((resolve) => {
      const all = [
        join(ROOT, "bin/narrowgate.ts"),
        "deploy",
        "--env",
        "dry",
        "--dry-run",
        "--policies",
        join(directory, "policies"),
        ...args,
      ]
      // No account, no home, and no name that could be asked.
      const env = { PATH: process.env["PATH"], HOME: directory, NO_COLOR: "1" }
      const child = execFile(process.execPath, all, { cwd: ROOT, env, timeout: 120_000 }, (_error, stdout, stderr) =>
        resolve([child.exitCode, stdout + stderr]),
      )
    })
  const key = () => ["--key", join(directory, "dry.jwk")]

  test("refuses what is missing: a key, a host, policies for elsewhere than this machine", async () => {
    expect(await run("--host", "authz.example")).toEqual([2, expect.stringContaining("no publisher's key")])
    expect(await run(...key())).toEqual([1, expect.stringContaining(" is no host name")])
    expect(await run(...key(), "--host", "authz.example")).toEqual([
      1,
      expect.stringContaining("speaks of this machine: http://127.0.0.1:8080, "),
    ])
  }, 120_000)

  test("checks, builds, and says each step", async () => {
    for (const file of ["catalog.yaml", "gateways.yaml", "issuers.yaml"]) {
      const path = join(directory, "policies", file)
      const text = (await readFile(path, "utf8")).replaceAll("http://127.0.0.1:8080", "https://api.example")
      const named = text
        .replaceAll("http://127.0.0.1:8788", "https://idp.example")
        .replaceAll("http://127.0.0.1:8787", "https://authz.example")
      await writeFile(path, named.replace("key_sha256: []", `key_sha256: ["${"0".repeat(64)}"]`))
    }
    for (const file of ["rules.test.yaml", "operators.test.yaml"]) await rm(join(directory, "policies", file))
    const [code, said] = await run(...key(), "--host", "authz.example")
    expect([code, said]).toEqual([0, expect.stringContaining("it builds\n")])
    expect(said).toContain('routes = [{ pattern = "authz.example", custom_domain = true }]')
    expect(said.match(/^would \d\/7 .*$/gmu)).toHaveLength(7)
    expect(said).toMatch(/nothing was done\n$/u)
    expect(said).not.toContain('"d"')
    await expect(readFile(join(ROOT, "wrangler.dry.toml"))).rejects.toThrow("ENOENT")
  }, 120_000)
})
