/** `narrowgate gateway config`: the pages' own configurations, with the values of a registered gateway. */
import { createHash } from "node:crypto"
import { cp, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { parse, stringify } from "yaml"
import { z } from "zod"
import { filled, gatewayPages, pageOf } from "../../../cli/guides/gateway-page.ts"
import { DIALECT_NAMES } from "../../../src/core/policy/definition/gateways.ts"
import { expectFailures, run, type Ran } from "./run.ts"

const PAGES = await gatewayPages()
const ORIGIN = "https://tools.shop.test:8443"
const WORKER = "https://authz.shop.test:8444"
const UPSTREAM = "10.1.2.3:7001"
const KEY = "0123456789abcdef0123456789abcdef"
/** Names and places of the pages that are not those of this deployment. */
const LEFT_OVER = /narrowgate\.example|\bapi\.example|127\.0\.0\.1:9000|\b443\b/

let directory = ""
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "narrowgate-config-"))
  await cp(join(import.meta.dirname, "../../../policies"), join(directory, "policies"), { recursive: true })
})
afterAll(async () => rm(directory, { recursive: true, force: true }))

const entryOf = (page: string): Readonly<Record<string, unknown>> => {
  const found = PAGES.find(({ name }) => name === page)
  if (!found) throw new Error(`no page ${page}`)
  const key_sha256 = [createHash("sha256").update(KEY).digest("hex")]
  return {
    ...found.entry,
    id: "shop",
    key_sha256,
    origins: [ORIGIN],
    audience: "https://shop.test",
  }
}

const gateway = z.object({ body: z.boolean(), dialect: z.enum(DIALECT_NAMES) })

const register = async (...gateways: readonly object[]): Promise<void> =>
  writeFile(join(directory, "policies/gateways.yaml"), stringify({ gateways }))

const config = async (...args: readonly string[]): Promise<Ran> =>
  run(directory, [
    "gateway",
    "config",
    "shop",
    "--url",
    "https://authz.shop.test:8444",
    "--upstream",
    "10.1.2.3:7001",
    ...args,
  ])

describe.each(PAGES.map((page) => [page.name, page] as const))("%s.md", (_name, page) => {
  it("is filled in completely", () => {
    const values = { id: "shop", origin: new URL(ORIGIN), narrowgate: new URL(WORKER), upstream: UPSTREAM }
    const files = filled(page, values)
    expect(files.length).toBeGreaterThan(0)
    for (const { name, text } of files) expect([name, LEFT_OVER.exec(text)]).toEqual([name, null])
    expect(files.map(({ text }) => text).join()).toMatch(/authz\.shop\.test|tools\.shop\.test/)
  })
})

it("chooses the page by the dialect, and nginx's by whether it forwards bodies", () => {
  for (const name of [
    "envoy",
    "nginx",
    "nginx-njs",
    "caddy",
    "haproxy",
    "traefik",
    "apache",
    "apisix",
    "aws",
    "worker",
  ]) {
    const { body, dialect } = gateway.parse(entryOf(name))
    expect(pageOf({ body, dialect }, PAGES)?.name).toBe(name)
  }
})

it("writes files that contain the key for their owner alone", async () => {
  await register(entryOf("nginx-njs"))
  await writeFile(join(directory, "key"), `${KEY}\n`)
  const { code, stdout } = await config(
    "--key-file",
    "key",
    "--out",
    "out",
    "--directory",
    "/srv/nginx",
    "--ca",
    "/ca.pem",
  )
  expect({ code, files: stdout.split("\n") }).toEqual({
    code: 0,
    files: ["out/nginx.conf", "out/narrowgate.js", "out/narrowgate.key", ""],
  })
  const mode = async (name: string): Promise<number> => (await stat(join(directory, name))).mode & 0o777
  expect([await mode("out/narrowgate.key"), await mode("out/nginx.conf")]).toEqual([0o600, 0o644])
  const text = await readFile(join(directory, "out/nginx.conf"), "utf8")
  expect(text).toContain("include /srv/nginx/narrowgate.key;")
  expect(text).toContain("proxy_ssl_trusted_certificate /ca.pem;")
  await register(entryOf("envoy"))
  await config("--key-file", "key", "--out", "out")
  expect(await mode("out/envoy.yaml")).toBe(0o600)
  expect(await readFile(join(directory, "out/envoy.yaml"), "utf8")).toContain(`value: "${KEY}"`)
})

it("prints a single file as it is, and says where a server answers at another path than agents call", async () => {
  await register(entryOf("envoy"))
  const catalog = join(directory, "policies/catalog.yaml")
  const before = await readFile(catalog, "utf8")
  const server = { name: "desk", origin: ORIGIN, path: "/desk/mcp", probe: { url: "https://desk.internal.test/mcp" } }
  const notes = async (path: string): Promise<Ran> => {
    await writeFile(catalog, stringify({ servers: [{ ...server, path }], tools: [] }))
    return config()
  }
  const [differs, agrees] = [await notes("/desk/mcp"), await notes("/mcp")]
  await writeFile(catalog, before)
  expect(parse(differs.stdout)).toMatchObject({ static_resources: {} })
  expect(differs.stderr).toContain("This is envoy.yaml.")
  expect(differs.stderr).toContain("`desk` is called at /desk/mcp, which the gateway forwards as it is")
  expect(agrees.stderr).not.toContain("as it is")
})

it("does not search what it has filled in for placeholders again", async () => {
  await register({ ...entryOf("nginx"), origins: ["https://www.api.example"] })
  const { stdout } = await run(directory, [
    ...["gateway", "config", "shop", "--json", "--url", "https://api.example:8443", "--upstream", "api.example:443"],
  ])
  const { files } = z.object({ files: z.array(z.object({ text: z.string() })) }).parse(JSON.parse(stdout))
  expect(files[0]?.text).toContain("server api.example:443;")
  expect(files[0]?.text).toContain("server api.example:8443;")
  expect(files[0]?.text).toContain("server_name www.api.example;")
})

it("refuses a configuration that would not keep what the entry says", async () => {
  const envoy = entryOf("envoy")
  const refused = async (entry: object, fix: string, exitCode = 1): Promise<void> => {
    await register(entry)
    await expectFailures(config, [[[], exitCode, fix]])
  }
  await refused({ ...envoy, body: false }, "Write `body: true`.")
  await refused({ ...entryOf("caddy"), body: true }, "Write `body: false`.")
  await refused({ ...envoy, request_id_header: "x-trace" }, "does not set `x-trace`, so a client could")
  await refused({ ...entryOf("agentgateway"), serves_metadata: true }, "Remove `serves_metadata`.")
  await refused({ ...entryOf("caddy"), filters_lists: "granted" }, "Remove `filters_lists`.")
  await refused({ ...envoy, asserts: { country: "cf-ipcountry" } }, "so a client could")
  await refused({ ...envoy, origins: ["http://127.0.0.1:8080"] }, "is no https origin", 2)
  await refused({ ...envoy, dialect: "authzen" }, "has no complete configuration")
})

it("refuses what it is called with by name", async () => {
  await register(entryOf("envoy"))
  await writeFile(join(directory, "other"), "fedcba9876543210fedcba9876543210")
  await writeFile(join(directory, "quoted"), 'fedcba9876543210" evil "')
  const called = async (...args: readonly string[]): Promise<Ran> => run(directory, ["gateway", "config", ...args])
  const url = ["--url", "https://authz.shop.test"]
  await expectFailures(called, [
    [["shop"], 2, "--url"],
    [["shop", "--url", "http://authz.shop.test"], 2, "--url is no https origin"],
    [["shop", "--url", "https://authz.shop.test/path"], 2, "--url is no https origin"],
    [["shp", ...url], 2, "no gateway is called shp"],
    [["shop", ...url, "--page", "envoi"], 2, "no page is called envoi"],
    [["shop", ...url, "--page", "caddy"], 1, "speaks `envoy`"],
    [["shop", ...url, "--upstream", "http://10.0.0.1:80"], 2, "not a host and port"],
    [["shop", ...url, "--upstream", "10.0.0.1:7000; evil"], 2, "not a host and port"],
    [["shop", ...url, "--key-file", "other"], 1, "Add its SHA-256"],
    [["shop", ...url, "--key-file", "quoted"], 2, "no key of plain characters"],
  ])
})
