/** Bounds against readers that others wrote: what is within a bound is within it for each of them. */
import { posix, win32 } from "node:path"
import { fileURLToPath, pathToFileURL } from "node:url"
import fc from "fast-check"
import ipaddr from "ipaddr.js"
import { describe, expect, test } from "vitest"
import { violation } from "../../harness/bounds.ts"
import type { ArgumentBound } from "../../../src/core/catalog/bounds/definition.ts"

const RUNS = { seed: 20261129, numRuns: 5_000 }

const isWithin = (bound: ArgumentBound, a: unknown): boolean => violation([{ a: bound }], { a }, null) === null

/** Text of pieces that some reader takes for something else. */
const textOf = (pieces: readonly string[], most: number): fc.Arbitrary<string> =>
  fc.array(fc.constantFrom(...pieces), { maxLength: most }).map((all) => all.join(""))

describe("path", () => {
  const text = textOf(
    [
      "/",
      "/srv",
      "/data/",
      "..",
      ".",
      "a",
      "b",
      "//",
      "\\",
      "%2e",
      "%2f",
      "%5c",
      " ",
      "\u200b",
      "．",
      "／",
      "é",
      "e\u0301",
      "~",
      ":",
      "S",
    ],
    9,
  )
  const directory = "/srv/data"
  const inside = (path: string): boolean => path === directory || path.startsWith(`${directory}/`)
  /** Each turns the text into the path that it opens. */
  const readers: readonly ((path: string) => string)[] = [
    (path) => posix.resolve("/elsewhere", path),
    (path) => posix.resolve("/elsewhere", path.replaceAll("\\", "/")),
    (path) => win32.resolve("C:\\elsewhere", path).replace(/^C:/, "").replaceAll("\\", "/"),
    (path) => posix.resolve("/elsewhere", decoded(path)),
    (path) => posix.resolve("/elsewhere", decoded(decoded(path))),
    (path) => posix.resolve("/elsewhere", path.normalize("NFKC")),
    (path) => posix.resolve("/elsewhere", path.replaceAll(/\p{Cf}/gu, "")),
    // Windows drops dots and blanks at the end of a name.
    (path) =>
      posix.resolve(
        "/elsewhere",
        path
          .split("/")
          .map((name) =>
            name === ".." ? name : name.replace(/[. ]+$/, (end) => (name === end && end.startsWith("..") ? ".." : "")),
          )
          .join("/"),
      ),
    (path) => fileURLToPath(new URL(path, "file:///elsewhere/")),
    (path) => fileURLToPath(pathToFileURL(path)),
  ]

  test("leads no reader out of the directory", () => {
    let seen = 0
    fc.assert(
      fc.property(
        fc.oneof(
          text,
          text.map((rest) => `/srv/data/${rest}`),
        ),
        (path) => {
          if (!isWithin({ path: [directory] }, path)) return
          seen += 1
          for (const read of readers) expect(inside(read(path)), path).toBe(true)
        },
      ),
      RUNS,
    )
    expect(seen).toBeGreaterThan(100)
  })

  test("of plain segments is within it exactly if Node's own reader finds it there", () => {
    const plain = fc
      .array(fc.constantFrom("srv", "data", "a", "b", ".", ""), { maxLength: 6 })
      .map((all) => `/${all.join("/")}`)
    fc.assert(
      fc.property(plain, (path) => {
        if (path.startsWith("//")) return
        expect(isWithin({ path: [directory] }, path), path).toBe(inside(posix.normalize(path).replace(/(.)\/$/, "$1")))
      }),
      RUNS,
    )
  })
})

const decoded = (text: string): string => {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

describe("url", () => {
  const text = textOf(
    [
      "https://",
      "https:/",
      "http://",
      "a.example",
      "b.example",
      "evil.test",
      "@",
      ":",
      "443",
      "8443",
      "/",
      "\\",
      "?",
      "#",
      ".",
      "%2e",
      "%40",
      "\t",
      "。",
      "ａ",
      "ß",
      "127.1",
      "0x7f.1",
      "[::1]",
      " ",
      "x",
      "xn--",
    ],
    8,
  )
  const bound: ArgumentBound = { url: { hosts: ["a.example", "*.b.example", "127.0.0.1", "[::1]"] } }
  /** Appendix B of RFC 3986, and its authority. */
  const generic = (url: string): string => {
    const [, , , , authority = ""] = /^(([^:/?#]+):)?(\/\/([^/?#]*))?([^?#]*)(\?([^#]*))?(#(.*))?/s.exec(url) ?? []
    return authority.replace(/^.*@/s, "").replace(/:\d*$/, "").toLowerCase()
  }
  /** As programs cut a host out that have no parser. */
  const naive = (url: string): string =>
    url.split("://")[1]?.split("/")[0]?.split("@").at(-1)?.replace(/:\d+$/, "").toLowerCase() ?? ""
  const readers: readonly ((url: string) => string)[] = [
    (url) => new URL(url).hostname,
    generic,
    naive,
    (url) => generic(decoded(url)),
    (url) => generic(url.replaceAll("\\", "/")),
    (url) => generic(url.normalize("NFKC")),
  ]
  const isAllowed = (host: string): boolean =>
    ["a.example", "127.0.0.1", "[::1]"].includes(host) || /^(?:[a-z0-9-]+\.)+b\.example$/.test(host)

  test("leads no reader to another host", () => {
    let seen = 0
    const near = fc
      .tuple(fc.constantFrom("https://a.example", "https://x.b.example", "https://[::1]"), text)
      .map((both) => both.join(""))
    fc.assert(
      fc.property(fc.oneof(text, near), (url) => {
        if (!isWithin(bound, url)) return
        seen += 1
        for (const read of readers) expect(isAllowed(read(url)), `${url} → ${read(url)}`).toBe(true)
        expect(new URL(url)).toMatchObject({ protocol: "https:", port: "", username: "", password: "" })
      }),
      RUNS,
    )
    expect(seen).toBeGreaterThan(100)
  })
})

describe("email", () => {
  const text = textOf(
    [
      "a",
      "b",
      "@",
      "ok.example",
      "evil.test",
      ".",
      ",",
      ";",
      " ",
      '"',
      "<",
      ">",
      "(",
      ")",
      "%",
      "!",
      "\\",
      "=?",
      "?=",
      "\n",
      "ｅ",
      ":",
    ],
    7,
  )
  /** Each domain to which some reader sends it: what stands behind an @, by whatever ends it. */
  const domainsIn = (address: string): readonly string[] =>
    Array.from(
      `${address} ${address.replaceAll(/[%!]/g, "@")}`.normalize("NFKC").matchAll(/@+([^@\s,;<>()":!%]*)/g),
      ([, domain]) => (domain ?? "").toLowerCase(),
    )

  test("goes to no other domain", () => {
    let seen = 0
    fc.assert(
      fc.property(
        fc.oneof(
          text,
          text.map((local) => `${local}@ok.example`),
        ),
        (address) => {
          if (!isWithin({ email: ["ok.example"] }, address)) return
          seen += 1
          expect(new Set(domainsIn(address)), address).toEqual(new Set(["ok.example"]))
        },
      ),
      RUNS,
    )
    expect(seen).toBeGreaterThan(25)
  })
})

describe("cidr", () => {
  const number = fc.oneof(fc.integer({ min: 0, max: 255 }), fc.constantFrom(0, 10, 192, 255))
  const v4 = fc.tuple(number, number, number, number).map((parts) => parts.join("."))
  const group = fc.oneof(
    fc.constantFrom("0", "ffff", "db8", "2001", "A"),
    fc.integer({ min: 0, max: 65_535 }).map((value) => value.toString(16)),
  )
  const v6 = fc.oneof(
    fc.array(group, { minLength: 8, maxLength: 8 }).map((groups) => groups.join(":")),
    fc
      .tuple(fc.array(group, { maxLength: 4 }), fc.array(group, { maxLength: 3 }))
      .map(([one, two]) => `${one.join(":")}::${two.join(":")}`),
    v4.map((address) => `::ffff:${address}`),
  )
  /** By the library: an IPv4 address in its IPv6 form is one of IPv4. */
  const contains = ([address, prefix]: readonly [string, number], other: string): boolean => {
    const [wide, narrow] = [ipaddr.process(address), ipaddr.process(other)]
    return wide.kind() === narrow.kind() && narrow.match(wide, prefix)
  }
  const networkOf = (
    address: string,
    bits: number,
  ): { readonly text: string; readonly first: string; readonly prefix: number } => {
    const parsed = ipaddr.process(address)
    const prefix = Math.min(bits, parsed.kind() === "ipv4" ? 32 : 128)
    const bytes = parsed
      .toByteArray()
      .map((byte, nth) => byte & (0xff00 >> Math.min(8, Math.max(0, prefix - nth * 8))) & 0xff)
    const first = ipaddr.fromByteArray(bytes).toString()
    return { text: `${first}/${prefix}`, first, prefix }
  }

  test("an address is within a network exactly if ipaddr.js says so", () => {
    let seen = 0
    fc.assert(
      fc.property(
        fc.oneof(v4, v6),
        fc.oneof(v4, v6),
        fc.integer({ min: 0, max: 128 }),
        fc.boolean(),
        (one, two, bits, near) => {
          const other = near ? one : two
          const network = networkOf(one, bits)
          const verdict = isWithin({ cidr: [network.text] }, other)
          if (verdict) seen += 1
          expect(verdict, `${other} in ${network.text}`).toBe(contains([network.first, network.prefix], other))
        },
      ),
      RUNS,
    )
    expect(seen).toBeGreaterThan(250)
  })

  test("a network is within another exactly if all of its addresses are", () => {
    fc.assert(
      fc.property(v4, fc.integer({ min: 0, max: 32 }), fc.integer({ min: 0, max: 32 }), (address, bits, own) => {
        const [wide, narrow] = [networkOf(address, bits), networkOf(address, own)]
        expect(isWithin({ cidr: [wide.text] }, narrow.text)).toBe(wide.prefix <= narrow.prefix)
      }),
      { ...RUNS, numRuns: 2_000 },
    )
  })

  test("what is no address of both readers is never within", () => {
    const text = textOf(["1", "0", "10", "255", "256", ".", ":", "::", "ffff", "/", "8", "x", "%", " ", "-"], 9)
    fc.assert(
      fc.property(text, (value) => {
        if (!isWithin({ cidr: ["0.0.0.0/0", "::/1", "8000::/1"] }, value)) return
        const [address = "", prefix] = value.split("/")
        expect(ipaddr.IPv4.isValidFourPartDecimal(address) || ipaddr.IPv6.isValid(address), value).toBe(true)
        if (prefix !== undefined) expect(ipaddr.isValidCIDR(value), value).toBe(true)
      }),
      RUNS,
    )
  })
})

describe("quantity", () => {
  const amount = fc
    .tuple(fc.integer({ min: -2_000, max: 2_000 }), fc.constantFrom(0, 1, 2, 3))
    .map(([units, decimals]) => (units / 10 ** decimals).toFixed(decimals))
  const SIZES: Readonly<Record<string, number>> = { ms: 1, s: 1_000, min: 60_000, h: 3_600_000 }

  test("is compared as whole numbers of the smallest unit are", () => {
    fc.assert(
      fc.property(
        amount,
        amount,
        fc.constantFrom("ms", "s", "min", "h"),
        fc.constantFrom("ms", "s", "min", "h"),
        (most, sent, ofMost, unit) => {
          // A thousandth of a millisecond is the smallest that is written here.
          const units = (text: string, of: string): bigint =>
            BigInt(Math.round(Number(text) * 1_000)) * BigInt(SIZES[of] ?? 0)
          const isThousands = /^-?[1-9]\.\d{3}$/u.test(sent)
          const expected =
            !isThousands && units(sent, unit) <= units(most, ofMost) && units(sent, unit) >= -units("1000", "h")
          expect(
            isWithin({ quantity: { min: "-1000 h", max: `${most} ${ofMost}` } }, `${sent} ${unit}`),
            `${sent} ${unit} ≤ ${most} ${ofMost}`,
          ).toBe(expected)
        },
      ),
      RUNS,
    )
  })
})

describe("date", () => {
  test("each day of 800 years is one exactly if the platform's calendar has it", () => {
    const isDay = (text: string): boolean => {
      const at = new Date(`${text}T00:00:00Z`)
      return !Number.isNaN(at.getTime()) && at.toISOString().startsWith(text)
    }
    for (let year = 1600; year < 2400; year += year % 100 === 0 || year % 4 === 0 ? 1 : 3) {
      for (const month of ["01", "02", "03", "04", "06", "11", "12", "13"]) {
        for (const day of ["00", "01", "28", "29", "30", "31"]) {
          const text = `${year}-${month}-${day}`
          const next = new Date(Date.parse(`${year}-01-01`) - 1_000).toISOString()
          expect(isWithin({ date: { from: "0001-01-01" } }, text), text).toBe(isDay(text))
          if (isDay(text)) expect(isWithin({ date: { from: next, to: text } }, text), text).toBe(true)
        }
      }
    }
  })

  const moment = fc
    .tuple(
      fc.date({ min: new Date("2025-06-01T00:00:00Z"), max: new Date("2026-06-30T00:00:00Z"), noInvalidDate: true }),
      fc.integer({ min: -840, max: 840 }),
    )
    .map(([at, offset]) => {
      const local = new Date(at.getTime() + offset * 60_000).toISOString().slice(0, -1)
      const [hours, minutes] = [Math.floor(Math.abs(offset) / 60), Math.abs(offset) % 60].map((part) =>
        String(part).padStart(2, "0"),
      )
      return `${local}${offset < 0 ? "-" : "+"}${hours}:${minutes}`
    })

  test("days from today are those of the platform's calendar in UTC, at any moment of the day", () => {
    const days = fc.integer({ min: -400, max: 400 })
    const now = fc.date({ min: new Date("1999-01-01"), max: new Date("2101-01-01"), noInvalidDate: true })
    const written = (count: number): string =>
      `today${count === 0 ? "" : `${count < 0 ? "-" : "+"}${Math.abs(count)}d`}`
    const dayFrom = (at: Date, count: number): string => {
      const day = new Date(at)
      day.setUTCDate(day.getUTCDate() + count)
      return day.toISOString().slice(0, 10)
    }
    fc.assert(
      fc.property(now, days, days, days, fc.boolean(), (at, from, to, sent, isMoment) => {
        const day = dayFrom(at, sent)
        const value = isMoment ? new Date(Date.parse(day) + (at.getTime() % 86_400_000)).toISOString() : day
        const date = { from: written(from), to: written(to) }
        const found = violation([{ a: { date } }], { a: value }, at.getTime()) === null
        // Dates of this form are in the order of their texts.
        expect(found, `${value} in ${date.from}..${date.to}`).toBe(dayFrom(at, from) <= day && day <= dayFrom(at, to))
      }),
      RUNS,
    )
  })

  test("a moment is in a range exactly if the platform's own reader puts it there", () => {
    fc.assert(
      fc.property(moment, moment, moment, (from, to, sent) => {
        if (sent.endsWith("-00:00")) return
        const [first, last, at] = [from, to, sent].map((text) => Date.parse(text))
        const expected = at !== undefined && first !== undefined && last !== undefined && first <= at && at <= last
        const bounds = { from: from.replace("-00:00", "+00:00"), to: to.replace("-00:00", "+00:00") }
        expect(isWithin({ date: bounds }, sent), `${sent} in ${from}..${to}`).toBe(expected)
      }),
      RUNS,
    )
  })
})
