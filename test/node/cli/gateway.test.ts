/** `narrowgate gateway config`: the pages' own configurations, with the values of a registered gateway. */
import { createHash } from "node:crypto"
import { cp, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { afterAll, beforeAll, describe, expect, it } from "vitest"
import { parse, stringify } from "yaml"
import { z } from "zod"
import { filled, gatewayPages, hasSeveral, pageOf } from "../../../cli/guides/gateway-page.ts"
import { developmentKey } from "../../../cli/remote/local-stack-policies.ts"
import { DIALECT_NAMES } from "../../../src/core/policy/definition/gateways.ts"
import { expectFailures, run, type Ran } from "./run.ts"

const PAGES = await gatewayPages()
const ORIGIN = "https://tools.shop.test:8443"
const WORKER = "https://authz.shop.test:8444"
const GUARDED = { name: "guarded", address: "10.1.2.3:7001", paths: [] }
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
    const values = { id: "shop", origin: new URL(ORIGIN), narrowgate: new URL(WORKER), upstreams: [GUARDED] as const }
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

describe("several upstreams", () => {
  const tool = (name: string, path: string): object => ({
    name,
    action: "read",
    sensitivity: "internal",
    route: { origin: ORIGIN, methods: ["GET"], path },
  })
  const DESK = { name: "desk", origin: ORIGIN, path: "/desk/mcp", probe: { url: "http://127.0.0.1:9001/desk/mcp" } }
  const TOOLS = [tool("shop.items.read", "/items/{item}"), tool("shop.list", "/v1.0/items"), tool("crm.read", "/crm")]
  const written = async (servers: readonly object[], tools: readonly object[]): Promise<void> =>
    writeFile(join(directory, "policies/catalog.yaml"), stringify({ servers, tools }))
  let before = ""
  beforeAll(async () => {
    before = await readFile(join(directory, "policies/catalog.yaml"), "utf8")
    await written([DESK], TOOLS)
  })
  afterAll(async () => writeFile(join(directory, "policies/catalog.yaml"), before))
  const called = async (...args: readonly string[]): Promise<Ran> =>
    run(directory, ["gateway", "config", "shop", "--url", WORKER, ...args])

  it.each([
    [
      "that name tools, the longest name first; a probe; and what there is by default",
      ["shop=10.0.0.2:2", "shop.items=10.0.0.3:3"],
      ["127.0.0.1:9001: /desk/mcp", "10.0.0.3:3: /items/{item}", "10.0.0.2:2: /v1.0/items", "127.0.0.1:9000: /crm"],
    ],
    [
      "of which one is that of all others, whatever their probes say",
      ["10.0.0.1:1", "shop.items=10.0.0.3:3"],
      ["10.0.0.1:1: /desk/mcp, /v1.0/items, /crm", "10.0.0.3:3: /items/{item}"],
    ],
  ])("%s", async (_what, named, expected) => {
    await register(entryOf("envoy"))
    const { code, stderr } = await called(...named.flatMap((each) => ["--upstream", each]))
    expect([code, stderr.split("\n").filter((line) => /^[\d.]+:\d+: \//.test(line))]).toEqual([0, expected])
  })

  const SEVERAL = PAGES.filter(hasSeveral)

  it("are printed for these pages", () => {
    expect(SEVERAL.map(({ name }) => name)).toEqual([
      ...["apache", "caddy", "envoy", "haproxy", "nginx-njs", "nginx", "traefik"],
    ])
  })

  it.each(SEVERAL.map(({ name }) => name))("each have their paths in %s.md", async (name) => {
    await register(entryOf(name))
    const { code, stdout, stderr } = await called("--page", name, "--upstream", "shop=10.1.2.3:7001", "--json")
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" })
    for (const part of ["9001", "10.1.2.3", "7001", "/desk/mcp", "/items/[^/]+", "/v1[.]0/items"])
      expect(stdout).toContain(part)
  })

  it("are one where the page has one", async () => {
    await register(entryOf("kong"))
    const { code } = await called("--page", "kong", "--upstream", "10.1.2.3:7001")
    expect(code).toBe(0)
  })

  it("are rejected by name", async () => {
    await register(entryOf("envoy"))
    await expectFailures(called, [
      [["--upstream", "desc=10.1.2.3:7001"], 2, "Did you mean `desk`?"],
      [["--upstream", "10.1.2.3:7001", "--upstream", "10.1.2.3:7002"], 2, "two upstreams have no name"],
      [["--upstream", "desk=10.1.2.3:1", "--upstream", "desk=10.1.2.3:2"], 2, "two upstreams are called desk"],
      [["--upstream", "desk=10.0.0.1:7000; evil"], 2, "not a host and port"],
    ])
    await register(entryOf("kong"))
    await expectFailures(called, [[["--page", "kong"], 1, "shows one upstream"]])
    await register(entryOf("envoy"))
    await written([{ ...DESK, path: "/items/mcp" }], TOOLS)
    await expectFailures(called, [[[], 1, "may be one path"]])
    await written([DESK], TOOLS)
  })
})

describe("on loopback", () => {
  const LOCAL = "http://127.0.0.1:8443"
  const called = async (...args: readonly string[]): Promise<Ran> =>
    run(directory, ["gateway", "config", "shop", "--url", "http://127.0.0.1:8787", ...args])

  it("has the key of the local stack, and says how it is run", async () => {
    await register({ ...entryOf("caddy"), origins: [LOCAL] })
    const { code, stdout, stderr } = await called("--out", "local")
    expect({ code, stdout }).toEqual({ code: 0, stdout: "local/Caddyfile\n" })
    expect(await readFile(join(directory, "local/Caddyfile"), "utf8")).toContain(developmentKey("shop"))
    expect(stderr).toMatch(/The key is that of the local stack[^]*Run it: caddy run --config \S+\/local\/Caddyfile/)
  })

  it("is whole, or not at all", async () => {
    await register({ ...entryOf("caddy"), origins: [ORIGIN] })
    await expectFailures(called, [[[], 2, "only one of them has TLS"]])
    await register({ ...entryOf("kong"), origins: [LOCAL] })
    await expectFailures(called, [[["--page", "kong"], 1, "describes no gateway that runs on loopback"]])
  })
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
  await refused({ ...envoy, origins: ["http://127.0.0.1:8080"] }, "only one of them has TLS", 2)
  await refused({ ...envoy, origins: ["http://tools.shop.test:8080"] }, "is no https origin", 2)
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
