/**
 * Upgrades without an outage: what the previous release has published, stored and issued, under this one; and edges and
 * objects of the two together, as during a rollout.
 */
import { execFile } from "node:child_process"
import { randomBytes } from "node:crypto"
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { promisify } from "node:util"
import { afterAll, afterEach, beforeAll, expect, test } from "vitest"
import { compilePolicies } from "../../cli/compiler/compile.ts"
import { generatePublisherKey } from "../../cli/compiler/sign.ts"
import { historyAt, publishTo } from "../../cli/remote/publish.ts"
import { canonicalBytes, digestOf } from "../../src/core/policy/digest.ts"
import { FORMAT } from "../../src/core/policy/bundle.ts"
import { newSigner } from "../node/bare-narrowgate.ts"
import { deployed, type Deployment, type Layout } from "./deployment.ts"
import { after, before, Edge, US } from "./life.ts"
import { writePolicies, type PolicyKeys } from "./policies.ts"
import { nextRelease, previousRelease, thisRelease, type Release } from "./release.ts"

const keys: PolicyKeys = {
  users: await newSigner("users-1"),
  agent: await newSigner("agent-1"),
  gateway: randomBytes(24).toString("base64url"),
}
const publisher = await generatePublisherKey()
const variables = { ISSUER: US, PUBLISHER_KEYS: JSON.stringify({ keys: [publisher.publicJwk] }) }

let root: string
let previous: Release
let current: Release
let running: Deployment | null = null
/** What KV holds once a release has published its bundle. */
const bundles = new Map<Release, Readonly<Record<string, string>>>()

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "narrowgate-upgrades-"))
  await writeFile(join(root, "publisher.jwk"), JSON.stringify(publisher.privateJwk))
  previous = await previousRelease(root)
  current = await thisRelease(root)
  for (const release of [previous, current]) {
    await writePolicies(join(root, `policies-${release.name}`), release, keys)
    await start({ name: `bundle-${release.name}`, objects: release })
    await publish(release, release)
    bundles.set(release, await end())
  }
})
afterAll(async () => rm(root, { recursive: true, force: true, maxRetries: 3 }))
afterEach(end)

async function start(layout: Pick<Layout, "objects" | "edges" | "kv"> & { readonly name: string }): Promise<void> {
  const directory = join(root, layout.name)
  await mkdir(directory, { recursive: true })
  running = await deployed({ ...layout, directory, variables })
}

async function end(): Promise<Readonly<Record<string, string>>> {
  const ended = running
  running = null
  return (await ended?.end()) ?? {}
}

const originOf = ({ name }: Release): string => {
  const origin = running?.edges.get(name)
  if (origin === undefined) throw new Error(`${name} does not run`)
  return origin
}
const edgeOf = (release: Release): Edge => new Edge(originOf(release), keys)

/** By the command of that release, to the Worker of another or its own. */
async function publish(release: Release, to: Release, ...options: readonly string[]): Promise<void> {
  const args = ["publish", join(root, `policies-${release.name}`), "--url", originOf(to), "--audience", US]
  const more = ["--key", join(root, "publisher.jwk"), "--by", "a test", "--why", "an upgrade", ...options]
  const env = { PATH: process.env["PATH"], HOME: root, NO_COLOR: "1" }
  await promisify(execFile)(process.execPath, [join(release.directory, "bin/narrowgate.ts"), ...args, ...more], { env })
}

const live = async (release: Release): Promise<unknown> => (await edgeOf(release).ask("/readyz")).json["bundle"]

test("what the previous release has published, stored and issued is good under this one", async () => {
  await start({ name: "upgrade", objects: previous, kv: bundles.get(previous) ?? {} })
  const bundle = await live(previous)
  const past = await before(edgeOf(previous))
  const kv = await end()
  await start({ name: "upgrade", objects: current, kv })
  expect(await live(current)).toEqual(bundle)
  await after(edgeOf(current), past)
  // Policies are published anew when it suits.
  await publish(current, current, "--no-wait")
  const history = await historyAt(originOf(current), publisher.privateJwk, US)
  expect(history.live).toMatchObject({ seq: 2, done: true })
})

const ROLLOUTS = [
  ["the objects are of the previous release", () => previous, () => current],
  ["the objects are of this release", () => current, () => previous],
] as const

test.each(ROLLOUTS)(
  "during a rollout nothing is lost between edges of both releases, if %s",
  async (_name, ofObjects, ofOther) => {
    const [objects, other] = [ofObjects(), ofOther()]
    for (const [first, second] of [
      [objects, other],
      [other, objects],
    ] as const) {
      const kv = bundles.get(previous) ?? {}
      await start({ name: `rollout-${objects.name}-${first.name}`, objects, edges: [other], kv })
      const past = await before(edgeOf(first))
      await expect.poll(async () => live(second), { timeout: 15_000 }).toMatchObject({ seq: 1 })
      await after(edgeOf(second), past)
      await end()
    }
  },
)

test("every class of wrangler.toml has the steps of what it stores", async () => {
  const namesIn = async (file: string, pattern: RegExp): Promise<readonly string[]> =>
    Array.from((await readFile(file, "utf8")).matchAll(pattern), ([, name = ""]) => name).toSorted()
  const classes = await namesIn("wrangler.toml", /^class_name = "(.+)"$/gmu)
  expect(await namesIn("src/platform/storage/steps.ts", /^ {2}(\w+): \[/gmu)).toEqual(classes)
})

const [EARLIER = ""] =
  /^const EARLIER: EarlierFormat \| null = \w+$/mu.exec(await readFile("src/core/policy/formats.ts", "utf8")) ?? []

/** A release whose ledgers and switchboards store more, whose bundles have another format, and that sends more. */
const NEXT = {
  "src/platform/storage/steps.ts": [
    ["  Ledger: [],", '  Ledger: [({ sql }) => void sql.exec("CREATE TABLE IF NOT EXISTS further (id INTEGER)")],'],
    ["  Switchboard: [],", '  Switchboard: [({ sql }) => void sql.exec("CREATE TABLE further (id INTEGER)")],'],
  ],
  "src/core/policy/bundle.ts": [[`export const FORMAT = ${FORMAT}`, `export const FORMAT = ${FORMAT + 1}`]],
  "src/core/policy/formats.ts": [
    [
      EARLIER,
      `const EARLIER: EarlierFormat | null = { format: ${FORMAT}, toCurrent: (text) => text.replace('"format":${FORMAT}', '"format":${FORMAT + 1}') }`,
    ],
  ],
  "src/ledger/packed-call.ts": [["    call.steps ?? null,\n", '    call.steps ?? null,\n    "further",\n']],
} as const

test("a later release takes over from this one, works beside it, and what it has stored this one refuses", async () => {
  const next = await nextRelease(root, NEXT)
  let kv = bundles.get(current) ?? {}
  await start({ name: "next", objects: current, edges: [next], kv })
  const past = await before(edgeOf(next))
  kv = await end()
  await start({ name: "next", objects: next, kv, edges: [current] })
  await after(edgeOf(next), past)
  expect(await edgeOf(current).admitted(await edgeOf(current).open("dave"), "GET", "/files/a", 2)).toBe(2)
  kv = await end()
  await start({ name: "next", objects: current, kv })
  const [code, { status, json }] = await edgeOf(current).call(past.pending, "GET", "/files/a")
  expect([code, status, json]).toEqual(["unavailable", 503, expect.objectContaining({ error: "unavailable" })])
  expect(running?.log()).toContain('"event":"storage_too_new"')
  expect(running?.log()).toContain("this release reads 1: deploy the later release again")
  await end()
  // Nothing was spoilt.
  await start({ name: "next", objects: next, kv })
  expect(await edgeOf(next).admitted(past.pending, "GET", "/files/a", 2)).toBe(2)
})

test("a bundle of a format that is two ahead, or two behind, is refused, and the one before stays", async () => {
  await start({ name: "formats", objects: current, kv: bundles.get(current) ?? {} })
  const bundle = await live(current)
  for (const format of [FORMAT - 2, FORMAT + 1, FORMAT + 2]) {
    await expect(publishAs(format)).rejects.toThrow(`the bundle has format ${format}, and this version reads ${FORMAT}`)
    expect(await live(current)).toEqual(bundle)
  }
})

/** As a command of another version would: with the bundle of this one under another number. */
async function publishAs(format: number): Promise<void> {
  const { body } = await compilePolicies(join(root, `policies-${current.name}`))
  if (!body) throw new Error("the policies do not compile")
  const text = new TextDecoder().decode(canonicalBytes(body)).replace(`"format":${FORMAT}`, `"format":${format}`)
  const bytes = Uint8Array.from(new TextEncoder().encode(text))
  const reason = { by: "a test", why: "another format" }
  const to = { url: originOf(current), audience: US, key: publisher.privateJwk, what: "pointer", reason } as const
  await publishTo({ ...to, digest: await digestOf(bytes), bytes })
}
