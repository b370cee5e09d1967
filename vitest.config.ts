import { createHash, randomBytes } from "node:crypto"
import { mkdtempSync, statfsSync, writeFileSync } from "node:fs"
import { readFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { cloudflareTest } from "@cloudflare/vitest-plugin"
import type { Plugin } from "vite"
import { configDefaults, defineConfig, type TestProjectInlineConfiguration } from "vitest/config"
import { generatePublisherKey } from "./cli/compiler/sign.ts"
import { selfSigned } from "./test/node/certificate.ts"

/** Programs that tests start in a directory of their own may not be run from memory. */
const TMPDIR = tmpdir()
/**
 * The Worker's objects keep their storage in memory if there is room for it: on a disk, each write waits for the disk,
 * which takes a fifth of the time of the run and gigabytes of writes.
 */
const MEMORY = "/dev/shm"
if (process.env["TMPDIR"] === undefined && hasRoom(MEMORY)) process.env["TMPDIR"] = MEMORY

function hasRoom(directory: string): boolean {
  try {
    const { bavail, bsize } = statfsSync(directory)
    return bavail * bsize > 2 ** 31
  } catch {
    return false
  }
}

// The publisher of this run: the Worker trusts its public key, and the tests sign bundles with its private key.
const publisher = await generatePublisherKey()

// The secrets that receivers of notices share with the Worker in this run. `desk` is rotating its keys.
const webhookKey = (): string => `whsec_${randomBytes(32).toString("base64")}`
const webhookSecrets = {
  desk: `${webhookKey()} ${webhookKey()}`,
  chat: "https://chat.test/hooks/T0/B0/secret",
  inside: "https://10.0.0.1/hooks/secret",
  broken: "whsec_short",
  other: randomBytes(24).toString("base64url"),
}

/** Tests ask for records as soon as they have made a call. */
const RECORD_DELAY_SECONDS = "0"
const PUBLISHER_KEYS = JSON.stringify({ keys: [publisher.publicJwk] })
const SCRAPE_KEY = randomBytes(24).toString("base64url")
const SCRAPE_KEYS_SHA256 = createHash("sha256").update(SCRAPE_KEY).digest("hex")
const WEBHOOK_SECRETS = JSON.stringify(webhookSecrets)
/** By the names in test/harness/sinks.ts. */
const SINK_SECRETS = JSON.stringify({
  "collector-key": "Bearer collector",
  "archive-id": "AKIATEST",
  "archive-key": "s3cret",
})

/**
 * Code of packages without their source maps. The runner reads each map, and prints a line for every package whose map
 * names sources that the package does not contain.
 */
const packagesWithoutMaps: Plugin = {
  name: "packages-without-source-maps",
  enforce: "pre",
  async load(id) {
    if (!/\/node_modules\/[^?]+\.m?js$/u.test(id)) return null
    const code = await readFile(id, "utf8")
    return { code: code.replace(/^\/\/# sourceMappingURL=.*$/mu, ""), map: null }
  },
}

/** The description of the endpoints is a text, as in the Worker: Vite does not know `with { type: "text" }`. */
const descriptionAsText: Plugin = {
  name: "description-as-text",
  enforce: "pre",
  resolveId: (source) => (source.endsWith("/docs/reference/openapi.json") ? DESCRIPTION : null),
  load: async (id) => (id === DESCRIPTION ? `export default ${JSON.stringify(await readFile(OPENAPI, "utf8"))}` : null),
}
const OPENAPI = "docs/reference/openapi.json"
const DESCRIPTION = "\0description"

/** Runs the tests of a project in workerd, beside a Worker with these bindings. */
const inWorkerd = (bindings: Record<string, string>, r2Buckets: Record<string, string> = {}): Plugin[] => [
  packagesWithoutMaps,
  descriptionAsText,
  cloudflareTest({
    wrangler: { configPath: "./wrangler.toml" },
    miniflare: { bindings: { ISSUER: "https://authz.example", ...bindings }, r2Buckets },
  }),
]

/** A certificate for loopback. OpenSSL reads the file when a process is loaded, so its path is in the environment. */
function nodeEnvironment(): Record<string, string> {
  const { key, cert } = selfSigned()
  const file = join(mkdtempSync(join(TMPDIR, "narrowgate-certificate-")), "certificate.pem")
  writeFileSync(file, cert)
  return { TMPDIR, NODE_EXTRA_CA_CERTS: file, LOOPBACK_KEY: key, LOOPBACK_CERTIFICATE: cert }
}

/** The command as people run it, and the Worker in processes of its own: most of these files start a local stack, or several. */
const STACK_TESTS = [
  "test/node/{claim,costs,full-disk,outbound,second-isolate}.test.ts",
  "test/node/interop/*.test.ts",
  "test/node/client/{task,calls,mcp,guide}.test.ts",
  "test/node/cli/{answering,client,command,completion,dev,diff,doctor,explain,record-export,gateway,help,init,login,not-the-stack,publish,revoke,secrets,terminal,test-command,try}.test.ts",
  "test/node/capacity/measured.test.ts",
  "test/node/import/{mcp,openapi}.test.ts",
  "test/node/doctor/{guarded-tools,sinks}.test.ts",
  "test/node/server/{guard-tool,guide,middleware}.test.ts",
  "test/node/dev/picture.test.ts",
]

/**
 * What takes longest of the projects `worker` and `node`. `npm test` leaves it out; scripts of their own run it,
 * most of them at length: test:guardrails, test:properties, test:soak, test:storage.
 */
const LONG_TESTS =
  process.env["npm_lifecycle_event"] !== "test"
    ? []
    : [
        "test/core/guardrails/long-use.test.ts",
        "test/ledger/guardrails-kept.test.ts",
        "test/promises/{answer-before-row,any-step,hidden-is-denied,history-over-partitions}.test.ts",
        "test/console/bounded.test.ts",
        "test/node/compiler/lints/droppable.test.ts",
        "test/soak/**",
        "test/ledger/{record-outbox,rows-written,steady-load}.test.ts",
        "test/audit/sealing-deaths.test.ts",
        "test/flow/bundle-store.test.ts",
      ]

/** Folders under test/ that are projects of their own; every other folder belongs to `worker`. */
const OWN_PROJECT = [
  "agentdojo",
  "assurance",
  "browser",
  "clients",
  "collectors",
  "conformance",
  "drills",
  "gateways",
  "keycloak",
  "long",
  "metrics",
  "node",
  "package",
  "proof",
  "serve",
  "spire",
  "teaching",
  "upgrades",
  "testing",
  "wire",
]

/** More than there are processors: tests in workerd wait most of their time, for records, leases and time-outs. */
const WORKERS = 6

const PROJECTS: readonly TestProjectInlineConfiguration[] = [
  {
    plugins: [
      inWorkerd(
        { PUBLISHER_KEYS, WEBHOOK_SECRETS, SINK_SECRETS, RECORD_DELAY_SECONDS, SCRAPE_KEYS_SHA256 },
        { R2_OUR_RECORDS: "our-records" },
      ),
    ],
    test: {
      name: "worker",
      include: ["test/**/*.test.ts"],
      exclude: [...OWN_PROJECT.map((folder) => `test/${folder}/**`), ...LONG_TESTS],
      globalSetup: [
        "./test/node/compiled-policies.ts",
        "./test/node/fuzz-corpus.ts",
        "./test/node/issuer-server.ts",
        "./test/node/mcp-servers.ts",
        "./test/node/quiet-runtime.ts",
      ],
      setupFiles: ["./test/harness/log-of-each-file.ts", "./test/harness/each-file.ts"],
      // An isolate per file costs a second of CPU, two hundred times.
      isolate: false,
      maxWorkers: WORKERS,
      provide: {
        publisher: publisher.privateJwk,
        webhookSecrets,
        scrapeKey: SCRAPE_KEY,
        runs: Number(process.env["PROPERTY_RUNS"] ?? 1),
        soak: { calls: Number(process.env["SOAK_CALLS"] ?? 10_000), seed: Number(process.env["SOAK_SEED"] ?? 1) },
      },
    },
  },
  {
    // What needs Node: the official Cedar engine as oracle, and the parts of the command line.
    test: {
      name: "node",
      include: ["test/node/**/*.test.ts"],
      exclude: [...configDefaults.exclude, ...STACK_TESTS, ...LONG_TESTS],
      // No module that these tests import keeps state, and no test replaces a module. A process per file would only
      // load the official engine again.
      isolate: false,
      maxWorkers: WORKERS,
      setupFiles: ["./test/harness/log-of-each-file.ts"],
      env: nodeEnvironment(),
    },
  },
  { test: { name: "stack", include: STACK_TESTS, env: nodeEnvironment() } },
  {
    // What a real HTTP parser makes of the attacks: the tests run in workerd, the Worker under test in another one.
    plugins: [inWorkerd({})],
    test: {
      name: "wire",
      include: ["test/wire/**/*.test.ts"],
      globalSetup: [
        "./test/node/compiled-policies.ts",
        "./test/node/issuer-server.ts",
        "./test/node/quiet-runtime.ts",
        "./test/node/wire-server.ts",
      ],
      maxWorkers: 1,
    },
  },
  {
    // Test vectors of the standards, from the directory that CONFORMANCE_VECTORS names.
    plugins: [inWorkerd({ PUBLISHER_KEYS, RECORD_DELAY_SECONDS })],
    test: {
      name: "conformance",
      include: ["test/conformance/**/*.test.ts"],
      globalSetup: [
        "./test/node/compiled-policies.ts",
        "./test/node/conformance-vectors.ts",
        "./test/node/issuer-server.ts",
        "./test/node/quiet-runtime.ts",
      ],
      maxWorkers: 1,
      provide: { publisher: publisher.privateJwk },
    },
  },
  {
    // Our trees and notes, checked by Go's libraries, if there is Go.
    test: { name: "proof", include: ["test/proof/**/*.test.ts"], testTimeout: 60_000 },
  },
  {
    // Real gateways, if they are installed (test/gateways/installed.ts), in front of the real Worker.
    test: {
      name: "gateways",
      include: ["test/gateways/**/*.test.ts"],
      // Each file starts a stack and a gateway.
      maxWorkers: 1,
      // Names of tests contain whole cases of a table.
      chaiConfig: { truncateThreshold: 200 },
      hookTimeout: 120_000,
    },
  },
  {
    // The packed file, installed elsewhere, and a release: neither waits for the other.
    test: {
      name: "package",
      include: ["test/package/**/*.test.ts"],
      globalSetup: "./test/package/packed.ts",
      testTimeout: 240_000,
      maxWorkers: 2,
    },
  },
  {
    // The release before this one, and this one on what that has stored.
    test: { name: "upgrades", include: ["test/upgrades/**/*.test.ts"], hookTimeout: 120_000, maxWorkers: 1 },
  },
  {
    // `narrowgate serve` of the built package, killed, backed up and restored.
    test: {
      name: "serve",
      include: ["test/serve/**/*.test.ts"],
      globalSetup: ["./test/serve/built.ts"],
      hookTimeout: 120_000,
      maxWorkers: 2,
    },
  },
  {
    // The drills of docs/operate/runbooks.md, each on a local stack of its own.
    // A drill waits most of its time.
    test: { name: "drills", include: ["test/drills/**/*.test.ts"], maxConcurrency: 2 },
  },
  {
    // A real Prometheus, if one is installed, and `narrowgate serve` of the built package.
    test: {
      name: "metrics",
      include: ["test/metrics/**/*.test.ts"],
      globalSetup: ["./test/serve/built.ts"],
      hookTimeout: 120_000,
      testTimeout: 150_000,
    },
  },
  {
    // The test kit, as developers use it.
    test: {
      name: "testing",
      include: ["test/testing/*.test.ts"],
      setupFiles: ["./testing/vitest/index.ts"],
      maxWorkers: 2,
      // Each file builds the Worker first.
      hookTimeout: 120_000,
    },
  },
  {
    // Attacks by the ids of frameworks: a plain gateway, the real Worker, and the Worker without the control.
    test: {
      name: "assurance",
      include: ["test/assurance/**/*.test.ts"],
      testTimeout: 120_000,
    },
  },
  {
    // The pages in a real Chromium, if one is installed (test/browser/browser.ts), against a local stack.
    test: { name: "browser", include: ["test/browser/**/*.test.ts"], maxWorkers: 1, hookTimeout: 120_000 },
  },
  {
    // Clients that nobody here wrote, from the directory that CLIENTS names (test/clients/install.sh).
    test: {
      name: "clients",
      include: ["test/clients/**/*.test.ts"],
      testTimeout: 180_000,
      hookTimeout: 120_000,
      env: nodeEnvironment(),
    },
  },
  {
    // A real SPIRE, if spire-server and spire-agent are on the PATH.
    test: { name: "spire", include: ["test/spire/**/*.test.ts"] },
  },
  {
    // Sinks of records over real HTTP; and real ones, if EXPORT names the directory of test/collectors/install.sh.
    test: { name: "export", include: ["test/collectors/**/*.test.ts"], maxWorkers: 1, env: nodeEnvironment() },
  },
  {
    // A real Keycloak, if KEYCLOAK names the directory of test/keycloak/install.sh.
    test: { name: "keycloak", include: ["test/keycloak/**/*.test.ts"], hookTimeout: 300_000 },
  },
  {
    // Suggestions from the records of real traffic. It takes GitHub's description of its API from npm.
    test: { name: "teaching", include: ["test/teaching/**/*.test.ts"], maxWorkers: 1 },
  },
  {
    // AgentDojo's attacks and user tasks, replayed: it installs AgentDojo by pip.
    test: {
      name: "agentdojo",
      include: ["test/agentdojo/**/*.test.ts"],
      testTimeout: 600_000,
      hookTimeout: 600_000,
    },
  },
  {
    // A long life of the built Worker in a bare workerd, killed again and again: `LONG_SECONDS`, four minutes by default.
    test: { name: "long", include: ["test/long/**/*.test.ts"], maxWorkers: 1 },
  },
]

/** One project after another, because each has its own number of workers; `npm test` runs the first two as one. */
const inTurn = ({ test, ...rest }: TestProjectInlineConfiguration, index: number): TestProjectInlineConfiguration => ({
  ...rest,
  extends: true,
  test: { ...test, sequence: { groupOrder: Math.max(1, index) } },
})

export default defineConfig({
  test: {
    projects: PROJECTS.map(inTurn),
    // A busy machine is no failure. Hooks start servers and fill disks, as tests do.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // One line per file: `--reporter=verbose` prints the tests and their times.
    slowTestThreshold: Infinity,
  },
})
