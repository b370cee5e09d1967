/** The parts of `narrowgate serve` that need no process. */
import { globSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, test } from "vitest"
import { readManifest } from "../../../dev/manifest.ts"
import { compareVersions } from "../../../serve/directory.ts"
import { UNIQUE_KEYS } from "../../../serve/unique-keys.ts"
import { clientAddress } from "../../../serve/worker/client-address.ts"

const ROOT = join(import.meta.dirname, "../../..")

describe("the keys of classes of objects", () => {
  /**
   * As they were released: a copy on purpose, so that a change of the table alone fails. A row is added here and there with
   * a class; none is ever changed or removed.
   */
  const RELEASED = {
    ClientRegistry: "ClientRegistry",
    Entries: "Entries",
    Inbox: "Inbox",
    Ledger: "Ledger",
    OnceLog: "OnceLog",
    Exporter: "Exporter",
    MetricsExporter: "MetricsExporter",
    Outbound: "Outbound",
    Publications: "Publications",
    RecordLog: "RecordLog",
    Registration: "Registration",
    Schedule: "Schedule",
    Session: "Session",
    SharedLimit: "SharedLimit",
    Switchboard: "Switchboard",
  }

  test("never change", () => expect(UNIQUE_KEYS).toStrictEqual(RELEASED))

  test("are distinct, and there is one for each class", async () => {
    const { durableObjects } = await readManifest()
    for (const { className } of durableObjects) expect(UNIQUE_KEYS).toHaveProperty(className)
    // They are names of folders, on file systems that may not distinguish `A` from `a`.
    expect(new Set(Object.values(UNIQUE_KEYS).map((key) => key.toLowerCase())).size).toBe(
      Object.keys(UNIQUE_KEYS).length,
    )
  })
})

describe("versions are ordered", () => {
  test.each([
    ["0.1.0", "0.1.0", 0],
    ["0.1.0", "0.2.0", -1],
    ["0.10.0", "0.9.0", 1],
    ["1.0.0", "0.99.99", 1],
    ["1.0.0-rc.1", "1.0.0", -1],
    ["1.0.0-rc.10", "1.0.0-rc.9", 1],
  ])("%s and %s", (one, other, order) => expect(Math.sign(compareVersions(one, other))).toBe(order))
})

describe("who sent a request", () => {
  const proxies = new Set(["127.0.0.1", "10.0.0.2", "::1"])
  test.each<readonly [what: string, peer: string | undefined, forwarded: string | null, address: string | null]>([
    ["the connection", "203.0.113.7:4000", null, "203.0.113.7"],
    ["of IPv6", "[2001:db8::7]:4000", null, "2001:db8::7"],
    ["of IPv4 in IPv6", "[::ffff:203.0.113.7]:4000", null, "203.0.113.7"],
    ["whatever a stranger forwards", "203.0.113.7:4000", "198.51.100.1", "203.0.113.7"],
    ["the last hop of a trusted proxy", "127.0.0.1:4000", "198.51.100.1, 203.0.113.9", "203.0.113.9"],
    ["behind two of them", "127.0.0.1:4000", "198.51.100.1, 203.0.113.9, 10.0.0.2", "203.0.113.9"],
    ["with its port", "[::1]:4000", "203.0.113.9:5000", "203.0.113.9"],
    ["nobody but proxies", "127.0.0.1:4000", "10.0.0.2", "10.0.0.2"],
    ["behind a proxy of IPv6 that is written otherwise", "[::1]:4000", "203.0.113.9, 0:0:0:0:0:0:0:1", "203.0.113.9"],
    ["behind one of IPv4 in IPv6", "[0:0::ffff:127.0.0.1]:4000", "203.0.113.9", "203.0.113.9"],
    ["no address at all", "127.0.0.1:4000", "a]@[::1", "a]@[::1"],
    ["an empty hop", "127.0.0.1:4000", "203.0.113.9, ", "127.0.0.1"],
    ["unknown", undefined, "203.0.113.9", null],
  ])("%s", (_what, peer, forwarded, address) => expect(clientAddress(peer, forwarded, proxies)).toBe(address))
})

test("the Worker reads one header that Cloudflare alone may set, and nothing that it says of a request otherwise", () => {
  const found = globSync("src/**/*.{ts,tsx}", { cwd: ROOT }).flatMap((file) => {
    const source = readFileSync(join(ROOT, file), "utf8")
    return Array.from(
      source.matchAll(/["'`](cf-[a-z-]+|true-client-ip|x-real-ip)["'`]|\b(?:request|raw|http)\.cf\b/gi),
      ([text]) => text,
    )
  })
  expect(found).toEqual(['"cf-connecting-ip"'])
})
