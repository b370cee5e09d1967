/** `narrowgate gateway config`: the configuration of a registered gateway, from its page in docs/guides/gateways. */
import { createHash } from "node:crypto"
import { mkdir, readFile } from "node:fs/promises"
import { dirname, join, resolve } from "node:path"
import { text } from "node:stream/consumers"
import type { Command } from "commander"
import { suggest } from "../../src/core/encoding/nearest.ts"
import { isLoopback } from "../../src/core/encoding/url.ts"
import type { Policies } from "../compiler/model/policies.ts"
import type { GatewaysFile } from "../compiler/schema/gateways.ts"
import { filled, gatewayPages, hasSeveral, isOnLoopback, pageOf, type GatewayPage } from "../guides/gateway-page.ts"
import { loopbackCommand } from "../guides/loopback.ts"
import { KEY_PLACEHOLDER, namedAlone, printed, type PageFile } from "../guides/page.ts"
import { upstreamsBehind, type NamedUpstreams } from "../guides/upstreams.ts"
import { policiesIn } from "../guides/policies.ts"
import { developmentKey } from "../remote/local-stack-policies.ts"
import { CALLED } from "../terminal/program-name.ts"
import { writeWhole } from "../terminal/atomic-write.ts"
import { jsonText } from "../terminal/escape.ts"
import { EXIT, Failure } from "../terminal/failure.ts"
import { policiesOption } from "../terminal/options.ts"

type Gateway = GatewaysFile["gateways"][number]

interface ConfigOptions {
  readonly url: string
  readonly policies: string
  readonly upstream: NamedUpstreams
  readonly page?: string
  readonly keyFile?: string
  readonly directory?: string
  readonly ca?: string
  readonly out?: string
  readonly json?: boolean
}

const EXAMPLE = `\nExamples:\n  ${CALLED} gateway config edge --url https://authz.example --upstream 10.0.0.7:9000 --out edge/\n  ${CALLED} gateway config edge --url https://authz.example --upstream desk=10.0.0.7:9000 --upstream crm=10.0.0.8:80\n  ${CALLED} gateway config edge --url http://127.0.0.1:8787 --upstream 127.0.0.1:9000 --out edge/\n`

/** Of an entry that neither `--upstream` nor a probe gives a place. */
const UPSTREAM = "127.0.0.1:9000"

export function addGateway(program: Command): void {
  const group = program
    .command("gateway")
    .description("set up a gateway that is registered in gateways.yaml")
    .addHelpText("after", EXAMPLE)
  group
    .command("config")
    .description("print the complete configuration of a registered gateway, which denies what is not decided")
    .argument("<ID>", "the id of the gateway in gateways.yaml")
    .requiredOption("--url <URL>", "the origin of the Worker, as the gateway reaches it: https, or http on loopback")
    .addOption(policiesOption())
    .option(
      "--upstream <[NAME=]HOST:PORT>",
      "a server behind the gateway, of the MCP server or of the tools NAME; without NAME: of all others. Repeat it for several (default: the server's probe, then 127.0.0.1:9000)",
      readUpstream,
      new Map(),
    )
    .option("--page <NAME>", "the page of docs/guides/gateways to fill in (default: the page of its dialect)")
    .option(
      "--key-file <FILE>",
      "a file that contains the gateway's key; - reads standard input (default: a placeholder)",
    )
    .option("--directory <DIR>", "the folder in which the gateway finds its files (default: that of the page)")
    .option("--ca <FILE>", "the certificate authorities of the gateway's system (default: those of Debian)")
    .option("--out <DIR>", "write the files there instead of printing them")
    .option("--json", "print the files as JSON")
    .addHelpText("after", EXAMPLE)
    .action(config)
}

async function config(id: string, options: ConfigOptions): Promise<void> {
  const policies = await policiesIn(options.policies)
  const gateway = registered(id, policies)
  const pages = await gatewayPages()
  const page = options.page === undefined ? pageOf(gateway, pages) : pages.find(({ name }) => name === options.page)
  if (!page) throw noPage(gateway, options.page, pages)
  refuseDifferences(gateway, page)
  const origin = httpOrigin(gateway.origins[0] ?? "", `the first of \`origins\` of ${id}`)
  const narrowgate = httpOrigin(options.url, "--url")
  const isLocal = isOnLoopback({ origin, narrowgate })
  refuseHalfLoopback({ origin, narrowgate }, id, page)
  const key = options.keyFile === undefined ? undefined : await keyOf(gateway, options.keyFile)
  const upstreams = upstreamsBehind(origin, policies, options.upstream, UPSTREAM)
  if (upstreams.length > 1 && !hasSeveral(page))
    throw new Failure(
      `docs/guides/gateways/${page.name}.md shows one upstream, and there are ${upstreams.map(({ address }) => address).join(", ")}`,
      "Name the one with --upstream HOST:PORT, such as a proxy that has several behind it, for all of them.",
    )
  const directory = options.directory ?? (isLocal ? resolve(options.out ?? ".") : undefined)
  const ownKey = key ?? (isLocal ? developmentKey(id) : undefined)
  const all = filled(page, {
    id,
    origin,
    narrowgate,
    upstreams,
    ...(directory !== undefined && { directory: directory.replace(/\/+$/, "") }),
    ...(options.ca !== undefined && { authorities: options.ca }),
    ...(ownKey !== undefined && { key: ownKey }),
  })
  if (options.json) console.log(jsonText({ page: page.name, files: all }))
  else if (options.out === undefined) console.log(printed(all))
  else await writeAll(options.out, all, key)
  if (options.json) return
  const alone = options.out === undefined ? namedAlone(all) : []
  const several = upstreams.length > 1 ? upstreams.map(({ address, paths }) => `${address}: ${paths.join(", ")}`) : []
  const run = isLocal
    ? [...(key ? [] : [DEVELOPMENT]), `Run it: ${loopbackCommand(page.name, directory ?? "")?.join(" ")}`]
    : []
  const notes = [
    ...alone,
    ...several,
    ...elsewhere(gateway, policies),
    ...run,
    ...remaining(gateway, page, all, ownKey),
  ]
  console.error(["", ...notes].join("\n"))
}

function registered(id: string, policies: Policies): Gateway {
  const { gateways } = policies.gateways.value
  const gateway = gateways.find((each) => each.id === id)
  if (gateway) return gateway
  const ids = gateways.map((each) => each.id)
  throw new Failure(`no gateway is called ${id}`, suggest(id, ids, "Register it in gateways.yaml first."), EXIT.usage)
}

function noPage(gateway: Gateway, wanted: string | undefined, pages: readonly GatewayPage[]): Failure {
  const names = pages.map(({ name }) => name)
  if (wanted !== undefined)
    return new Failure(
      `no page is called ${wanted}`,
      suggest(wanted, names, `There are ${names.join(", ")}.`),
      EXIT.usage,
    )
  const what = `the dialect \`${gateway.dialect}\` has no complete configuration`
  return new Failure(what, "Read docs/guides/gateways/README.md, and name a page by --page.")
}

/** If the configuration did not keep what the entry says, a client could choose what Narrowgate believes. */
function refuseDifferences(gateway: Gateway, { name, entry }: GatewayPage): void {
  const refuse = (what: string, fix: string): never => {
    throw new Failure(`${what} (docs/guides/gateways/${name}.md)`, fix)
  }
  if (gateway.dialect !== entry.dialect)
    refuse(
      `\`${gateway.id}\` speaks \`${gateway.dialect}\`, and this configuration \`${entry.dialect}\``,
      `Write \`dialect: ${entry.dialect}\`.`,
    )
  if (gateway.body !== entry.body) {
    const forwards = entry.body ? "forwards bodies" : "forwards no bodies"
    refuse(
      `this configuration ${forwards}, and the entry \`${gateway.id}\` says otherwise`,
      `Write \`body: ${entry.body}\`.`,
    )
  }
  const { request_id_header: id } = gateway
  if (id !== undefined && id !== entry.request_id_header)
    refuse(
      `this configuration does not set \`${id}\`, so a client could`,
      "Remove `request_id_header`, or write the one of the page.",
    )
  if (gateway.denials === "mcp" && entry.denials !== "mcp")
    refuse("this configuration does not give clients the status of `denials: mcp`", "Write `denials: http`.")
  if (gateway.serves_metadata && !entry.serves_metadata)
    refuse("this configuration serves no metadata, to which challenges would lead", "Remove `serves_metadata`.")
  if (gateway.filters_lists !== undefined && entry.filters_lists === undefined)
    refuse("this configuration cuts no list down to what the caller may use", "Remove `filters_lists`.")
  if (gateway.asserts)
    refuse(
      "this configuration sets none of the headers of `asserts`, so a client could",
      "Begin with the page, add them over the client's, and keep that file.",
    )
}

const DEVELOPMENT = `The key is that of the local stack (\`${CALLED} dev\`); for another Worker, name a file by --key-file.`

function httpOrigin(value: string, what: string): URL {
  const url = URL.parse(value)
  const isOrigin = url?.pathname === "/" && url.search === "" && url.hash === ""
  if (isOrigin && (url.protocol === "https:" || (url.protocol === "http:" && isLoopback(url)))) return url
  const fix = "A gateway elsewhere needs TLS: write https, or http with a host on loopback for a first try."
  throw new Failure(`${what} is no https origin: ${value}`, fix, EXIT.usage)
}

function refuseHalfLoopback(
  { origin, narrowgate }: { readonly origin: URL; readonly narrowgate: URL },
  id: string,
  { name }: GatewayPage,
): void {
  if (origin.protocol !== narrowgate.protocol)
    throw new Failure(
      `the origin of ${id} is ${origin.origin}, and the Worker ${narrowgate.origin}: only one of them has TLS`,
      "Write both with https, or both with http on loopback.",
      EXIT.usage,
    )
  if (origin.protocol === "http:" && loopbackCommand(name, "") === undefined)
    throw new Failure(
      `docs/guides/gateways/${name}.md describes no gateway that runs on loopback`,
      `Try the policies with \`${CALLED} dev --gateway\`, and give the gateway an https origin.`,
    )
}

/** Collects those of all `--upstream`; the empty name is that of the rest. */
function readUpstream(value: string, before: NamedUpstreams): NamedUpstreams {
  const [, name = "", address = ""] = /^(?:([^=]*)=)?(.*)$/.exec(value) ?? []
  if (before.has(name)) {
    const what = name === "" ? "two upstreams have no name" : `two upstreams are called ${name}`
    throw new Failure(what, "Write NAME=HOST:PORT, with an MCP server or tools of the catalog.", EXIT.usage)
  }
  return new Map([...before, [name, hostAndPort(address)]])
}

function hostAndPort(value: string): string {
  const url = URL.parse(`http://${value}`)
  if (url !== null && url.host === value) return value
  throw new Failure(`not a host and port: ${value}`, "Write it like 10.0.0.7:9000, without a scheme.", EXIT.usage)
}

/** A key of which the registry has the digest; any other would be denied as `unknown_gateway`. */
async function keyOf(gateway: Gateway, file: string): Promise<string> {
  const key = (file === "-" ? await text(process.stdin) : await readFile(file, "utf8")).trim()
  if (!/^[\x21-\x7e]{16,256}$/.test(key) || /["'\\$`{}]/.test(key))
    throw new Failure(`${file} has no key of plain characters`, "Make one with `openssl rand -hex 32`.", EXIT.usage)
  const digest = createHash("sha256").update(key).digest("hex")
  if (gateway.key_sha256.includes(digest)) return key
  throw new Failure(
    `the key in ${file} is not one of \`${gateway.id}\``,
    `Add its SHA-256 to \`key_sha256\`: ${digest}`,
  )
}

async function writeAll(directory: string, files: readonly PageFile[], key: string | undefined): Promise<void> {
  for (const { name, text: file } of files) {
    const path = join(directory, name)
    await mkdir(dirname(path), { recursive: true })
    await writeWhole(path, file, key !== undefined && file.includes(key) ? 0o600 : 0o644)
    console.log(path)
  }
}

/** No page rewrites a path, so a server that answers at another one would get requests that it does not know. */
function elsewhere({ origins }: Gateway, { catalog }: Policies): readonly string[] {
  return catalog.value.servers.flatMap(({ name, origin, path, probe }) => {
    const answers = probe && new URL(probe.url).pathname
    if (!origins.includes(origin) || answers === undefined || answers === path) return []
    return [
      `\`${name}\` is called at ${path}, which the gateway forwards as it is; its probe is at ${answers}. Let the server answer at ${path}, or write \`path: ${answers}\` in catalog.yaml.`,
    ]
  })
}

/** What no configuration can contain: where certificates are, and the key where it is kept elsewhere. */
function remaining(
  gateway: Gateway,
  page: GatewayPage,
  files: readonly PageFile[],
  key: string | undefined,
): readonly string[] {
  const texts = files.map(({ text: file }) => file).join("\n")
  const certificates = new Set(Array.from(texts.matchAll(/\/[\w./-]+\.(?:crt|key|pem)\b/g), ([path]) => path))
  const own = [...certificates].filter(
    (path) => !path.endsWith("ca-certificates.crt") && !path.endsWith("narrowgate.key"),
  )
  return [
    ...(texts.includes(KEY_PLACEHOLDER) ? [`Replace ${KEY_PLACEHOLDER}, or name its file by --key-file.`] : []),
    ...(/\bNARROWGATE_KEY\b/.test(texts)
      ? ["The gateway reads its key from the environment variable NARROWGATE_KEY."]
      : []),
    ...(key === undefined && texts.includes("narrowgate.key;")
      ? ["Write narrowgate.key, or name the key's file by --key-file."]
      : []),
    ...(own.length > 0
      ? [`Certificates and keys of ${new URL(gateway.origins[0] ?? "").hostname}: ${own.join(", ")}`]
      : []),
    ...(page.entry.preflights && !gateway.preflights
      ? ["Clients in browsers fail, as their CORS preflights are denied: for such clients write `preflights: true`."]
      : []),
    ...(gateway.origins.length > 1 ? [`Only the first origin is served: ${gateway.origins[0]}`] : []),
    `What each part is for, and how to verify that it works: docs/guides/gateways/${page.name}.md`,
  ]
}
