/** What `narrowgate deploy` does: deploys the Worker of this package, and a directory of policies, to a Cloudflare account. */
import { execFile, spawn } from "node:child_process"
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join, relative, resolve } from "node:path"
import { setTimeout as pause } from "node:timers/promises"
import { promisify } from "node:util"
import { summarise } from "../../cli/commands/check.ts"
import { EXIT, Failure } from "../../cli/terminal/failure.ts"
import { compilePolicies } from "../../cli/compiler/compile.ts"
import { publisherKey } from "../../cli/remote/publisher-key.ts"
import { passes, runCases } from "../../cli/decision-tables/suite.ts"
import { withTables } from "../../cli/decision-tables/read.ts"
import type { BundleBody } from "../../src/core/policy/bundle.ts"
import { bucketsOf } from "../../src/core/policy/definition/sinks.ts"
import { canonicalBytes, digestOf } from "../../src/core/policy/digest.ts"
import { PACKAGE, toolAt } from "../../cli/package.ts"
import type { DeployOptions } from "./command.ts"
import { checkSettings, configurationOf, fileOf, settingsIn, type Settings } from "./settings.ts"
import { deploy, type Outside } from "./steps.ts"

const TIMEOUT_MS = 10_000

export async function runDeploy(options: DeployOptions): Promise<void> {
  const { env, policies, dryRun = false } = options
  const settings = await settingsFor(options)
  checkSettings(settings, await othersThan(env))
  const { body, digest } = await checked(policies)
  const file = resolve(fileOf(env))
  const base = await baseConfiguration()
  const buckets = bucketsOf(body.sinks)
  const writeConfiguration = async (now: Settings): Promise<void> =>
    writeFile(file, configurationOf(base, now, buckets))
  const configuration = configurationOf(base, settings, buckets)
  await builds(configuration)
  if (dryRun) console.log(`would write ${fileOf(env)}:\n\n${configuration}`)
  else await writeConfiguration(settings)
  const probes = body.servers.flatMap(({ probe }) => probe?.secret ?? [])
  // A receiver of pushed signals without a bearer key needs no secret of its own.
  const isSecret = body.receivers.some((receiver) => receiver.format !== "set" || receiver.bearer)
  const named = body.sinks.some(
    (sink) => sink.kind === "s3" || ("headers" in sink && Object.keys(sink.headers).length > 0),
  )
  const secrets = [
    ...new Set([...probes, ...(isSecret ? ["WEBHOOK_SECRETS"] : []), ...(named ? ["SINK_SECRETS"] : [])]),
  ].toSorted()
  const say = (line: string): void => console.log(line)
  const outside = {
    wrangler: wranglerFor(file),
    publish: async () => publish(options, settings),
    fetchJson,
    writeConfiguration,
    pause: async (milliseconds: number) => pause(milliseconds),
    say,
  }
  await deploy({ settings, digest, secrets, buckets }, outside satisfies Outside, dryRun)
  console.log(dryRun ? "nothing was done" : `https://${settings.host} decides by ${policies}`)
}

/** The stored settings, which the options override. */
async function settingsFor({ env, host, key }: DeployOptions): Promise<Settings> {
  const stored = await readFile(fileOf(env), "utf8").catch(() => null)
  const { d: _private, ...publicKey } = await publisherKey(key)
  const publisherKeys = JSON.stringify({ keys: [{ ...publicKey, alg: "ES256", use: "sig" }] })
  const fresh = {
    environment: env,
    host: host ?? "",
    publisherKeys,
    namespace: null,
    signingAlgorithm: "ES256",
    maxProbeRequests: "40",
    recordDelaySeconds: "60",
    jurisdiction: "",
  }
  if (stored === null) return fresh
  const settings = settingsIn(env, stored)
  if (host !== undefined && host !== settings.host) {
    throw new Failure(
      `${env} is at ${settings.host}`,
      "All its tokens and policies say so. Edit the file if that is meant.",
      EXIT.usage,
    )
  }
  const kid = String(publicKey["kid"])
  if (!settings.publisherKeys.includes(`"${kid}"`)) {
    const fix = `To change keys, add this public half to PUBLISHER_KEYS of ${fileOf(env)}: ${publisherKeys}`
    throw new Failure(`${env} does not know the key ${kid}`, fix)
  }
  return settings
}

async function othersThan(env: string): Promise<readonly Settings[]> {
  const names = (await readdir(".")).flatMap((name) => /^wrangler\.([a-z0-9-]+)\.toml$/.exec(name)?.[1] ?? [])
  return Promise.all(
    names.filter((name) => name !== env).map(async (name) => settingsIn(name, await readFile(fileOf(name), "utf8"))),
  )
}

/** The policies must be sound, pass their tests, and be meant for elsewhere than this machine. */
async function checked(policies: string): Promise<{ readonly body: BundleBody; readonly digest: string }> {
  const compiled = withTables(await compilePolicies(policies))
  console.log(summarise(policies, compiled))
  const { body, bundle, cases, problems } = compiled
  if (!body || !bundle || problems.some(({ severity }) => severity === "error")) {
    throw new Failure(`${policies} does not check`, "Fix it: narrowgate check.")
  }
  const failing = runCases(bundle, cases, null).outcomes.filter((outcome) => !passes(outcome)).length
  if (failing > 0) throw new Failure(`${failing} tests of ${policies} fail`, "See narrowgate test.")
  const here = new Set(JSON.stringify(body).match(/https?:\/\/(?:127\.0\.0\.1|localhost|\[::1\])(?::\d+)?/gu))
  if (here.size > 0) {
    throw new Failure(
      `${policies} speaks of this machine: ${[...here].join(", ")}`,
      "Name your own issuers, origins and servers.",
    )
  }
  const keyless = body.gateways.filter(({ key_sha256 }) => key_sha256.length === 0).map(({ id }) => id)
  if (keyless.length > 0)
    throw new Failure(`gateways without a key: ${keyless.join(", ")}`, "Give each one: docs/guides/gateways/README.md.")
  return { body, digest: await digestOf(canonicalBytes(body)) }
}

/** The package's, with its Worker as it is found from here. */
async function baseConfiguration(): Promise<string> {
  const text = await readFile(join(PACKAGE, "wrangler.toml"), "utf8")
  const main = (line: string, path: string): string => line.replace(path, relative(".", join(PACKAGE, path)))
  return text.replace(/^main = "(.+)"$/m, main)
}

/** With these bindings; sends nothing. */
async function builds(configuration: string): Promise<void> {
  const out = await mkdtemp(join(tmpdir(), "narrowgate-build-"))
  // Here, because its paths are relative to it.
  const file = resolve(`.wrangler-deploy-${process.pid}.toml`)
  try {
    await writeFile(file, configuration)
    await wranglerFor(file)(["deploy", "--dry-run", "--outdir", out])
    console.log("it builds")
  } finally {
    await rm(file, { force: true })
    await rm(out, { recursive: true, force: true })
  }
}

function wranglerFor(file: string): Outside["wrangler"] {
  const program = toolAt("wrangler", "bin/wrangler.js")
  return async (args) => {
    const env = { ...process.env, WRANGLER_SEND_METRICS: "false", CI: "true" }
    try {
      const all = [program, ...args, "--config", file]
      const { stdout } = await promisify(execFile)(process.execPath, all, { env, maxBuffer: 16_777_216 })
      return stdout
    } catch (error) {
      const message = error instanceof Error && "stderr" in error ? String(error.stderr).trim() : String(error)
      throw new Failure(
        `wrangler ${args.join(" ")}: ${message}`,
        "Log in to the account first: npx wrangler login, or set CLOUDFLARE_API_TOKEN.",
      )
    }
  }
}

async function publish({ policies, key, why }: DeployOptions, { host }: Settings): Promise<void> {
  const more = [...(key === undefined ? [] : ["--key", key]), ...(why === undefined ? [] : ["--why", why])]
  const args = [
    process.argv[1] ?? "",
    "publish",
    relative(process.cwd(), policies) || ".",
    "--url",
    `https://${host}`,
    ...more,
  ]
  const child = spawn(process.execPath, args, { stdio: "inherit" })
  const code = await new Promise<number | null>((resolve, reject) => child.once("error", reject).once("close", resolve))
  if (code !== 0)
    throw new Failure("it was not published", "What decided before goes on to decide.", code ?? EXIT.refused)
}

async function fetchJson(url: string): Promise<unknown> {
  try {
    const response = await fetch(url, { redirect: "error", signal: AbortSignal.timeout(TIMEOUT_MS) })
    return response.ok ? await response.json() : null
  } catch {
    return null
  }
}
