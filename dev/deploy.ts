/** `npm run deploy -- --env NAME`: deploys this repository, and a directory of policies, to a Cloudflare account. */
import { execFile, spawn } from "node:child_process"
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join, relative } from "node:path"
import { setTimeout as pause } from "node:timers/promises"
import { promisify } from "node:util"
import { Command } from "commander"
import { summarise } from "../cli/commands/check.ts"
import { EXIT, Failure } from "../cli/terminal/failure.ts"
import { compilePolicies } from "../cli/compiler/compile.ts"
import { publisherKey } from "../cli/remote/publisher-key.ts"
import { passes, runCases } from "../cli/decision-tables/suite.ts"
import { withTables } from "../cli/decision-tables/read.ts"
import type { BundleBody } from "../src/core/policy/bundle.ts"
import { canonicalBytes, digestOf } from "../src/core/policy/digest.ts"
import { checkSettings, configurationOf, fileOf, settingsIn, type Settings } from "./deploy/settings.ts"
import { deploy, type Outside } from "./deploy/steps.ts"

const ROOT = join(import.meta.dirname, "..")
const TIMEOUT_MS = 10_000

interface Options {
  readonly env: string
  readonly host?: string
  readonly policies: string
  readonly key?: string
  readonly why?: string
  readonly dryRun?: boolean
}

const command = new Command("deploy")
  .description("Deploys the Worker and publishes a directory of policies to it; continues where it failed before.")
  .requiredOption(
    "--env <name>",
    "such as staging or production: each has a file, a host, a KV namespace and a key of its own",
  )
  .option("--host <name>", "its own host name, in a zone of the account; kept in wrangler.<env>.toml")
  .option("--policies <dir>", "the policy directory", "policies")
  .option("--key <file>", "the publisher's private key (also NARROWGATE_PUBLISHER_KEY)")
  .option("--why <text>", "why it is published; absent: the last commit of the directory")
  .option("--dry-run", "check all that can be checked here, and print what would be done; needs no account")
  .addHelpText(
    "after",
    "\nExamples:\n  npm run deploy -- --env staging --host authz.staging.example --key staging.jwk --dry-run\n  npm run deploy -- --env staging --key staging.jwk\n",
  )
  .parse()

try {
  await main(command.opts<Options>())
} catch (error) {
  console.error(`error: ${error instanceof Error ? error.message : String(error)}`)
  if (error instanceof Failure) console.error(`  fix: ${error.fix}`)
  process.exitCode = error instanceof Failure ? error.exitCode : EXIT.refused
}

async function main(options: Options): Promise<void> {
  const { env, policies, dryRun = false } = options
  const settings = await settingsFor(options)
  checkSettings(settings, await othersThan(env))
  const { body, digest } = await checked(policies)
  const file = join(ROOT, fileOf(env))
  const base = await readFile(join(ROOT, "wrangler.toml"), "utf8")
  const writeConfiguration = async (now: Settings): Promise<void> => writeFile(file, configurationOf(base, now))
  await builds(configurationOf(base, settings))
  if (dryRun) console.log(`would write ${fileOf(env)}:\n\n${configurationOf(base, settings)}`)
  else await writeConfiguration(settings)
  const probes = body.servers.flatMap(({ probe }) => probe?.secret ?? [])
  // A receiver of pushed signals without a bearer key needs no secret of its own.
  const isSecret = body.receivers.some((receiver) => receiver.format !== "set" || receiver.bearer)
  const secrets = [...new Set([...probes, ...(isSecret ? ["WEBHOOK_SECRETS"] : [])])].toSorted()
  const say = (line: string): void => console.log(line)
  const outside = {
    wrangler: wranglerFor(file),
    publish: async () => publish(options, settings),
    fetchJson,
    writeConfiguration,
    pause: async (milliseconds: number) => pause(milliseconds),
    say,
  }
  await deploy({ settings, digest, secrets }, outside satisfies Outside, dryRun)
  console.log(dryRun ? "nothing was done" : `https://${settings.host} decides by ${policies}`)
}

/** The stored settings, which the options override. */
async function settingsFor({ env, host, key }: Options): Promise<Settings> {
  const stored = await readFile(join(ROOT, fileOf(env)), "utf8").catch(() => null)
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
  const names = (await readdir(ROOT)).flatMap((name) => /^wrangler\.([a-z0-9-]+)\.toml$/.exec(name)?.[1] ?? [])
  return Promise.all(
    names
      .filter((name) => name !== env)
      .map(async (name) => settingsIn(name, await readFile(join(ROOT, fileOf(name)), "utf8"))),
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

/** With these bindings; sends nothing. */
async function builds(configuration: string): Promise<void> {
  const out = await mkdtemp(join(tmpdir(), "narrowgate-build-"))
  // Beside wrangler.toml, because its paths are relative to it.
  const file = join(ROOT, `.wrangler-deploy-${process.pid}.toml`)
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
  const program = join(ROOT, "node_modules/wrangler/bin/wrangler.js")
  return async (args) => {
    const env = { ...process.env, WRANGLER_SEND_METRICS: "false", CI: "true" }
    try {
      const all = [program, ...args, "--config", file]
      const { stdout } = await promisify(execFile)(process.execPath, all, { cwd: ROOT, env, maxBuffer: 16_777_216 })
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

async function publish({ policies, key, why }: Options, { host }: Settings): Promise<void> {
  const more = [...(key === undefined ? [] : ["--key", key]), ...(why === undefined ? [] : ["--why", why])]
  const args = [
    join(ROOT, "cli/main.ts"),
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
