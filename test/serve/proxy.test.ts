/** The configurations of docs/guides/serve.md: the file, and the proxies in front, if they are installed. */
import { spawn, type ChildProcess } from "node:child_process"
import { once } from "node:events"
import { mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { request } from "node:https"
import { join } from "node:path"
import { text } from "node:stream/consumers"
import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { accepting, freePort, stop } from "../../dev/loopback.ts"
import { MEMBERS, readConfiguration } from "../../serve/configuration.ts"
import { find, libraries, REQUIRED, type Installed } from "../gateways/installed.ts"
import { selfSigned } from "../node/certificate.ts"
import { deploy, type Deployment } from "./served.ts"
import { withRegistration } from "./registration.ts"

const PAGE = readFileSync(join(import.meta.dirname, "../../docs/guides/serve.md"), "utf8")

function blockOf(language: string): string {
  const [, block] = new RegExp(`^\`\`\`${language}\\n([^]*?)^\`\`\``, "m").exec(PAGE) ?? []
  if (block === undefined) throw new Error(`the page has no block of ${language}`)
  return block
}

let there: Deployment
beforeAll(async () => {
  there = await deploy({ change: withRegistration })
  await there.start()
  await there.publish()
})
afterAll(async () => there.remove())

/** Registers a client by the proxy, and returns the network that the Worker saw. */
async function registerBy(port: number): Promise<unknown> {
  const before = there.serving.lines.filter(({ event }) => event === "client_registered").length
  const sent = request({
    port,
    host: "127.0.0.1",
    // No trusted proxy, as a client elsewhere.
    localAddress: "127.9.9.9",
    servername: "authz.example",
    path: "/oauth/register",
    method: "POST",
    rejectUnauthorized: false,
    headers: {
      host: "authz.example",
      "content-type": "application/json",
      "x-forwarded-for": "203.0.113.7",
      "cf-connecting-ip": "203.0.113.8",
    },
  })
  sent.end(JSON.stringify({ redirect_uris: ["http://127.0.0.1/callback"] }))
  const [response] = await once(sent, "response")
  expect(response.statusCode, await text(response)).toBe(201)
  return (await there.serving.said("client_registered", before + 1))["network"]
}

let place: string
let port: number
let child: ChildProcess | undefined

/** @param args with which it runs in the foreground, by a file that it may have written */
async function start({ program, root }: Installed, args: readonly string[]): Promise<void> {
  const env = { ...process.env, ...libraries(root), HOME: place }
  child = spawn(program, args, { cwd: place, env, stdio: ["ignore", "pipe", "pipe"] })
  let said = ""
  for (const stream of [child.stdout, child.stderr]) stream?.on("data", (chunk: Buffer) => (said += chunk.toString()))
  await accepting(child, port, () => said)
}

/** The block of the page, with the certificate, the port and the server of this test. */
function filled(block: string): string {
  return block
    .replaceAll("/etc/ssl/authz.example.pem", join(place, "cert.pem"))
    .replaceAll("/etc/ssl/authz.example.key", join(place, "key.pem"))
    .replaceAll("127.0.0.1:8787", `127.0.0.1:${there.serving.port}`)
}

async function startNginx(installed: Installed): Promise<void> {
  const file = join(place, "nginx.conf")
  const server = filled(blockOf("nginx")).replace("listen 443 ssl", `listen 127.0.0.1:${port} ssl`)
  const paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
    (each) => `${each}_temp_path ${place}/${each};`,
  )
  writeFileSync(
    file,
    `daemon off; pid ${place}/pid; events {}\nhttp { access_log off; ${paths.join(" ")}\n${server}}\n`,
  )
  await start(installed, ["-e", join(place, "error.log"), "-p", place, "-c", file])
}

async function startCaddy(installed: Installed): Promise<void> {
  const file = join(place, "Caddyfile")
  // Its certificate would come from an authority that knows the name.
  const tls = `tls ${place}/cert.pem ${place}/key.pem`
  const site = filled(blockOf("caddyfile")).replace("authz.example {", `https://authz.example:${port} {\n\t${tls}`)
  writeFileSync(file, `{\n\tadmin off\n\tauto_https disable_redirects\n\tdefault_bind 127.0.0.1\n}\n${site}`)
  await start(installed, ["run", "--adapter", "caddyfile", "--config", file])
}

const PROXIES = [
  ["nginx", find("nginx", []), startNginx],
  ["caddy", find("caddy", []), startCaddy],
] as const

test.runIf(REQUIRED.length > 0)("proxies that GATEWAYS_REQUIRED names are installed", () => {
  const here = PROXIES.filter(([, installed]) => installed).map(([name]) => name)
  expect(here).toEqual(expect.arrayContaining([...REQUIRED]))
})

describe.each(PROXIES)("%s in front", (name, installed, startIt) => {
  if (!installed) process.stderr.write(`proxy: no ${name} here (GATEWAYS names a place); its test is skipped\n`)

  beforeAll(async () => {
    if (!installed) return
    place = join(there.place, name)
    mkdirSync(place)
    port = await freePort()
    const { key, cert } = selfSigned()
    writeFileSync(join(place, "cert.pem"), cert)
    writeFileSync(join(place, "key.pem"), key, { mode: 0o600 })
    await startIt(installed)
  })
  afterAll(async () => child && stop(child))

  test.skipIf(!installed)("passes on who sent a request, and what a client pretends is not believed", async () => {
    expect(await registerBy(port)).toBe("127.9.9.0/24")
  })
})

test("the file of the page is a configuration, and its table has each member and variable", async () => {
  const file = join(there.place, "page.yaml")
  writeFileSync(file, blockOf("yaml"))
  const { issuer, directory, publisher_keys } = await readConfiguration(file, {})
  expect({ issuer, directory }).toEqual({ issuer: "https://authz.example", directory: "/var/lib/narrowgate" })
  expect(publisher_keys?.keys).toHaveLength(1)
  const [, table = ""] = /## Configuration\n([^]*?)\n\n\*\*/.exec(PAGE) ?? []
  const rows = Array.from(table.matchAll(/^\| (?:`(\w+)`)? *\| (?:`(\w+)`)?/gm), ([, member, variable]) => [
    member,
    variable,
  ])
  for (const [member, variable] of MEMBERS) expect(rows, member).toContainEqual([member, variable])
})
