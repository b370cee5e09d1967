/** What each kind of bound permits, and the values by which attackers have got round checks of that kind. */
import { describe, expect, test } from "vitest"
import { conjunctOf } from "../../../../src/core/catalog/bounds/bounds.ts"
import { isBeyond, violation } from "../../../harness/bounds.ts"
import type { ArgumentBound } from "../../../../src/core/catalog/bounds/definition.ts"

type Verdict = "within" | "outside" | "unclear"

/** A minute before the day ends in UTC. */
const NOW = Date.parse("2026-03-01T23:59:00Z")

function verdictOf(bound: ArgumentBound, value: unknown): Verdict {
  if (violation([{ a: bound }], { a: value }, NOW) === null) return "within"
  return isBeyond(bound, value, NOW) ? "unclear" : "outside"
}

/** By bound: the values with what they are. */
const CASES: readonly (readonly [ArgumentBound, Readonly<Record<Verdict, readonly unknown[]>>])[] = [
  [
    { path: ["/srv/reports"] },
    {
      within: [
        "/srv/reports/q1.csv",
        "/srv/reports",
        "/srv/reports/",
        "/srv//reports/./a//b",
        "/srv/reports/..a/b..c",
        "/srv/reports/été",
        "/srv/reports/a b",
        "/srv/reports/.git/config",
        ["/srv/reports/a", "/srv/reports/b"],
      ],
      outside: [
        "/srv/reports2",
        "/srv",
        "/",
        "srv/reports/a",
        "reports",
        "~/srv/reports",
        "/etc/passwd",
        "C:/srv/reports",
      ],
      unclear: [
        "/srv/reports/../../etc/passwd",
        "/srv/reports/a/../b",
        "/srv/reports/..",
        "../srv/reports/a",
        "/srv/reports/%2e%2e/%2e%2e/etc/passwd",
        "/srv/reports/%252e%252e/x",
        "/srv/reports/..%2f..%2fetc",
        "/srv/reports/%c0%ae%c0%ae/x",
        "/srv/reports\\..\\..\\x",
        "\\\\host\\share",
        "//srv/reports/a",
        "/srv/reports/.. /x",
        "/srv/reports/.../x",
        "/srv/reports/a./b",
        "/srv/reports/a\0.png",
        "/srv/reports/a\n",
        "/srv/reports/\uff0e\uff0e/x",
        "/srv/reports/\u2024\u2024/x",
        "/srv/reports/..\uff0f..\uff0fetc",
        "/srv/reports/a\u2215b",
        "/srv/reports/\ufe30/x",
        "/srv/reports/\uff052e\uff052e/x",
        "/srv/reports/\u2100x",
        "/srv/reports/..;/x",
        "/srv/reports/a/..;a=b/x",
        "/srv/reports/.;/x",
        "/srv/reports/a\u00a5b",
        "/srv/reports/.\u200c./x",
        "/srv/reports/e\u0301",
        `/srv/reports/a${"\u0301".repeat(40)}`,
        "/SRV/Reports/a",
        "/srv/Reports",
        "",
        `/srv/reports/${"a".repeat(5_000)}`,
        7,
        null,
        {},
        [],
        [["/srv/reports/a"]],
        ["/srv/reports/a", "/etc/passwd"],
      ],
    },
  ],
  [
    { path: ["work", "out/logs"] },
    {
      within: ["work/a", "work", "./work/a", "out//logs/x"],
      outside: ["/work/a", "out", "works/a", "out/log"],
      unclear: ["work/../x", "Work/a"],
    },
  ],
  [{ path: ["/"] }, { within: ["/", "/a/b"], outside: ["a", "."], unclear: ["/..", "//a"] }],
  [
    { url: { hosts: ["api.example.org", "*.example.com", "192.0.2.1", "[2001:db8::1]"] } },
    {
      within: [
        "https://api.example.org",
        "https://api.example.org/",
        "https://API.Example.ORG/a?b=c#d",
        "https://api.example.org:443/",
        "https://a.b.example.com/@x",
        "https://192.0.2.1/",
        "https://[2001:db8::1]/",
        "HTTPS://api.example.org/",
      ],
      outside: [
        "http://api.example.org/",
        "wss://api.example.org/",
        "https://example.com/",
        "https://evil.example/",
        "https://api.example.org.evil.example/",
        "https://evilapi.example.org/",
        "https://api.example.org:8443/",
        "https://192.0.2.2/",
        "https://xn--pi-8ia.example.org/",
        "https://[2001:db8::2]/",
      ],
      unclear: [
        "https://api.example.org@evil.example/",
        "https://user:secret@api.example.org/",
        "https://api.example.org:443@evil.example/",
        "https://evil.example\\@api.example.org/",
        "https://api.example.org\\.evil.example/",
        "https:\\\\api.example.org/",
        "https:/api.example.org/",
        "https:api.example.org",
        "//api.example.org/",
        "https:///api.example.org/",
        " https://api.example.org/",
        "https://api.example.org/ ",
        "https://api.exa\tmple.org/",
        "https://api.example.org\n.evil.example/",
        "https://api.example.org./",
        "https://api.example.org#@evil.example/",
        "https://api.example.org?@evil.example/",
        "https://api.example.org&@evil.example/",
        "https://api.example.org%2eevil.example/",
        "https://api%00.example.org/",
        "https://ａpi.example.org/",
        "https://api.example.org。evil.example/",
        "https://bücher.example/",
        "https://faß.example.com/",
        "https://3221225985/",
        "https://0xc0000201/",
        "https://0300.0.2.1/",
        "https://192.0.513/",
        "https://192.0.2.1./",
        "https://192.0.02.1/",
        "https://[2001:DB8:0:0::1]/",
        "https://[2001:db8::1%25eth0]/",
        "https://[::ffff:192.0.2.1]/",
        "https://api.example.org:0443/",
        "https://api.example.org:/",
        "https://api.example.org:65536/",
        "https://api_.example.com/",
        "javascript:alert(1)//api.example.org/",
        "file://api.example.org/",
        "data:text/html,https://api.example.org/",
        "",
        "https://",
        `https://api.example.org/${"a".repeat(9_000)}`,
        1,
        [],
        ["https://api.example.org/", "https://evil.example/"],
      ],
    },
  ],
  [
    { url: { hosts: ["files.example.org"], schemes: ["https", "http"], ports: [443, 8080], path: "/v1/reports" } },
    {
      within: [
        "https://files.example.org/v1/reports",
        "https://files.example.org/v1/reports/a?x=1#y",
        "http://files.example.org:8080/v1/reports/",
        "https://files.example.org/v1/report%73/a",
      ],
      outside: [
        "http://files.example.org/v1/reports",
        "https://files.example.org/v1/reports2",
        "https://files.example.org/V1/reports",
        "https://files.example.org/",
        "https://files.example.org",
      ],
      unclear: [
        "https://files.example.org/v1/reports/../admin",
        "https://files.example.org/v1/reports/%2e%2e/admin",
        "https://files.example.org/v1/reports/..%2fadmin",
        "https://files.example.org/v1/reports//admin",
        "https://files.example.org/v1/reports;/../admin",
        "https://files.example.org/v1/reports/%5c..",
        "https://files.example.org/v1/reports/%00",
      ],
    },
  ],
  [
    { email: ["example.org", "*.example.com"] },
    {
      within: [
        "ann@example.org",
        "Ann.Lee+x@EXAMPLE.org",
        "a@mail.example.com",
        "o'neil@example.org",
        ["a@example.org", "b@x.example.com"],
      ],
      outside: [
        "ann@example.com",
        "ann@evil.example",
        "ann@example.org.evil.example",
        "ann@sub.example.org",
        "a@xn--exmple-cua.org",
      ],
      unclear: [
        "ann@evil.example,bob@example.org",
        "ann@evil.example;bob@example.org",
        "ann@evil.example bob@example.org",
        "ann@evil.example\n@example.org",
        '"ann@evil.example"@example.org',
        "ann@evil.example(@example.org",
        "ann(@evil.example)@example.org",
        "<ann@evil.example>@example.org",
        "Ann <ann@example.org>",
        "mailto:ann@example.org",
        "ann%evil.example@example.org",
        "evil.example!ann@example.org",
        "@evil.example:ann@example.org",
        "=?utf-8?q?ann=40evil.example=3e?=@example.org",
        "ann@[192.0.2.1]",
        "ann@example.org.",
        "ann@exam\u200bple.org",
        "ann@ｅxample.org",
        "ann@mar\u212aet.example.com",
        "añn@example.org",
        ".ann@example.org",
        "ann..lee@example.org",
        "@example.org",
        "ann",
        `${"a".repeat(65)}@example.org`,
        "",
        null,
        [],
        ["a@example.org", "b@evil.example"],
      ],
    },
  ],
  [
    { cidr: ["10.0.0.0/8", "2001:db8::/32", "192.0.2.7"] },
    {
      within: [
        "10.1.2.3",
        "10.0.0.0/8",
        "10.128.0.0/9",
        "10.1.2.3/32",
        "192.0.2.7",
        "::ffff:10.1.2.3",
        "::ffff:a01:203",
        "::FFFF:10.0.0.0/104",
        "2001:db8::",
        "2001:0DB8:0:0:0:0:0:1",
        "2001:db8::/33",
      ],
      outside: [
        "11.0.0.1",
        "10.0.0.0/7",
        "0.0.0.0/0",
        "192.0.2.6",
        "2001:db9::1",
        "2001::/16",
        "64:ff9b::a01:203",
        "::a01:203",
      ],
      unclear: [
        "10.1.2.3/8",
        "010.0.0.1",
        "10.0.0.01",
        "0x0a000001",
        "167772161",
        "10.1",
        "10.0.0.1.",
        "32.1.13.184::",
        "10.0.0.256",
        " 10.0.0.1",
        "10.0.0.0/08",
        "10.0.0.0/33",
        "10.0.0.0/255.0.0.0",
        "10.0.0.0-10.0.0.9",
        "10.0.0.1:80",
        "2001:db8::1%eth0",
        "[2001:db8::1]",
        "2001:db8:::1",
        "2001:db8::1::2",
        "2001:db8:0:0:0:0:0:0:1",
        "::/0",
        "::ffff:0:0/95",
        "::ffff:010.0.0.1",
        "",
        167_772_161,
        [],
      ],
    },
  ],
  [
    { quantity: { max: "100 EUR" } },
    {
      within: ["100 EUR", "99.99 EUR", "0 EUR", "100.00EUR", "0.0 EUR", "0.125 EUR", "99.9990 EUR", ["1 EUR", "2 EUR"]],
      outside: ["100.01 EUR", "-1 EUR", "-0.01 EUR", "1 USD", "1 eur", "1 EURO"],
      unclear: [
        "1,000 EUR",
        "1.000 EUR",
        "-1.000 EUR",
        "99.999 EUR",
        "100,00 EUR",
        "1e2 EUR",
        "+1 EUR",
        "01 EUR",
        ".5 EUR",
        "5. EUR",
        "EUR 5",
        "€5",
        "5",
        "5 EUR EUR",
        "5  EUR",
        "٥ EUR",
        "0x10 EUR",
        "99.9999999999999999999 EUR",
        "NaN EUR",
        5,
        null,
        { amount: 5, currency: "EUR" },
      ],
    },
  ],
  [
    { quantity: { min: "-5 EUR", max: "100 EUR", number: "amount", unit: "currency" } },
    {
      within: [
        { amount: 100, currency: "EUR" },
        { amount: "99.5", currency: "EUR", note: "x" },
        { amount: -5, currency: "EUR" },
        [{ amount: 1, currency: "EUR" }],
      ],
      outside: [
        { amount: 100.01, currency: "EUR" },
        { amount: 1, currency: "JPY" },
        { amount: -5.01, currency: "EUR" },
      ],
      unclear: [
        { amount: 1 },
        { currency: "EUR" },
        { amount: 1, currency: "EUR", Amount: 1_000 },
        { amount: 1, currency: "EUR", Currency: "BTC" },
        { amount: "1,5", currency: "EUR" },
        { amount: 1e21, currency: "EUR" },
        "1 EUR",
        [
          { amount: 1, currency: "EUR" },
          { amount: 1_000, currency: "EUR" },
        ],
      ],
    },
  ],
  [
    { quantity: { min: "1 KiB", max: "10 MB" } },
    {
      within: ["10 MB", "1 KiB", "1024 B", "9 MiB", "1.5 MB"],
      // For some readers 9.6 MiB are less than 10 MB, and 1 kB are 1,000 bytes.
      outside: ["10.1 MB", "9.6 MiB", "1 kB", "1 GiB", "1023 B", "5 s"],
      unclear: ["10MB/s x", "ten MB"],
    },
  ],
  [
    { quantity: { max: "30 min" } },
    {
      within: ["30 min", "1800 s", "0.5 h", "90 ms"],
      outside: ["31 min", "1801 s", "1 d", "5 m", "1 B"],
      unclear: ["PT30M", "00:30"],
    },
  ],
  [
    { date: { from: "today-31d", to: "today+1d" } },
    {
      within: [
        "2026-01-29",
        "2026-03-02",
        "2026-01-29T00:00:00Z",
        "2026-03-02T23:59:59.999999999Z",
        "2026-03-03T00:59:59+01:00",
      ],
      outside: ["2026-01-28", "2026-03-03", "2026-01-29T00:59:59+01:00", "2026-03-03T00:00:00Z"],
      unclear: ["today", "today-1d", "2026-03-01T12:00:00"],
    },
  ],
  [{ date: { to: "today" } }, { within: ["2026-03-01", "1900-01-01"], outside: ["2026-03-02"], unclear: ["now"] }],
  [
    { date: { from: "2026-02-01", to: "today-1d" } },
    { within: ["2026-02-01", "2026-02-28"], outside: ["2026-01-31", "2026-03-01"], unclear: [] },
  ],
  [
    { date: { from: "2026-01-01", to: "2026-12-31" } },
    {
      within: [
        "2026-01-01",
        "2026-12-31",
        "2026-06-15T12:00:00Z",
        "2026-12-31T23:59:59.999999999Z",
        "2026-01-01T01:00:00+01:00",
        ["2026-01-01", "2026-02-01"],
      ],
      outside: [
        "2025-12-31",
        "2027-01-01",
        "2026-01-01T00:30:00+01:00",
        "2026-12-31T23:30:00-01:00",
        "1970-01-01T00:00:00Z",
      ],
      unclear: [
        "2026-02-30",
        "2026-13-01",
        "01/02/2026",
        "2026-1-1",
        "20260101",
        "2026-W01-1",
        "2026-06-15 12:00:00Z",
        "2026-06-15T12:00:00",
        "2026-06-15t12:00:00z",
        "2026-06-15T24:00:00Z",
        "2026-06-30T23:59:60Z",
        "2026-06-15T12:00:00+25:00",
        "2026-06-15T12:00:00-00:00",
        "2026-06-15T12:00Z",
        "tomorrow",
        1_781_000_000,
        null,
      ],
    },
  ],
  [
    { schema: { type: "object", properties: { amount: { type: "number", maximum: 10 } }, required: ["amount"] } },
    {
      within: [{ amount: 10 }, { amount: 1, note: "x" }],
      outside: [{ amount: 11 }, { amount: "1" }, {}, [], "x", null],
      unclear: [{ amount: 1, Amount: 99 }, { Amount: 1 }, { amount: 1, inner: { AMOUNT: 1 } }],
    },
  ],
]

describe.each(CASES)("%j", (bound, values) => {
  test.each(["within", "outside", "unclear"] as const)("%s", (verdict) => {
    for (const value of values[verdict]) expect(verdictOf(bound, value), JSON.stringify(value)).toBe(verdict)
  })

  test("does not hold for an absent argument, unless it is optional", () => {
    expect(violation([{ a: bound }], {}, NOW)).not.toBeNull()
    expect(violation([{ a: { ...bound, optional: true } }], {}, NOW)).toBeNull()
    expect(violation([{ a: { ...bound, optional: true } }], { a: values.outside[0] }, NOW)).not.toBeNull()
  })
})

test("no character that becomes a delimiter of paths in normal form KC is in a path", () => {
  const found: string[] = []
  for (let code = 0x80; code <= 0x10_ff_ff; code = code === 0xd7ff ? 0xe000 : code + 1) {
    const character = String.fromCodePoint(code)
    if (/[./\\%]/.test(character.normalize("NFKC")) && verdictOf({ path: ["/a"] }, `/a/b${character}c`) !== "unclear")
      found.push(code.toString(16))
  }
  expect(found).toEqual([])
})

test("a denial names the bound and how it is missed, and nothing of the value", () => {
  const violated = (bound: ArgumentBound, a: unknown): string | undefined =>
    violation([{ a: bound }], { a }, NOW)?.bound
  expect(violated({ path: ["/srv"] }, "/secret/../x")).toBe('path ["/srv"]: it has a `..` segment')
  expect(violated({ email: ["example.org"] }, "secret@evil.example")).toBe(
    'email ["example.org"]: it is at another domain',
  )
  expect(violated({ schema: { properties: { a: { maximum: 1 } } } }, { a: 2 })).toBe(
    "schema: it does not fulfil /properties/a/maximum",
  )
  for (const [bound, values] of CASES) {
    for (const value of [...values.outside, ...values.unclear]) {
      const text = violated(bound, value)?.split(": ").at(-1) ?? ""
      expect(text).not.toMatch(/secret|evil|passwd|192|Amount/)
    }
  }
})

describe("closed bounds", () => {
  const closed = (bounds: Readonly<Record<string, ArgumentBound>>, values: Readonly<Record<string, unknown>>) =>
    violation([conjunctOf({ arguments: bounds, closed: true })], values, NOW)

  test("exclude an argument that they do not name, whatever other bounds do", () => {
    expect(closed({ a: { eq: 1 } }, { a: 1 })).toBeNull()
    expect(closed({ a: { eq: 1 } }, { a: 1, b: 2 })).toEqual({ argument: "b", bound: "closed: no bound names it" })
    expect(closed({}, {})).toBeNull()
    expect(closed({}, { "*": 1 })).toMatchObject({ argument: "*" })
    const [parent, child] = [conjunctOf({ arguments: { a: {} }, closed: true }), { b: { eq: 2 } }]
    expect(violation([parent, child], { a: 1, b: 2 }, NOW)).toMatchObject({ argument: "b" })
  })

  test("exclude a member of an object that no schema and no quantity names, at any depth", () => {
    expect(closed({ a: {} }, { a: "x" })).toBeNull()
    expect(closed({ a: {} }, { a: ["x", 1, null] })).toBeNull()
    expect(closed({ a: {} }, { a: {} })).toBeNull()
    expect(closed({ a: {} }, { a: { b: 1 } })).toMatchObject({ argument: "a" })
    expect(closed({ a: {} }, { a: [[{ b: 1 }]] })).toMatchObject({ argument: "a" })
    const schema = { properties: { b: { properties: { c: {} } }, l: { items: { required: ["x"] } } } }
    expect(closed({ a: { schema } }, { a: { b: { c: 1 } } })).toBeNull()
    expect(closed({ a: { schema } }, { a: { b: { c: 1, d: 2 } } })).toMatchObject({ argument: "a" })
    expect(closed({ a: { schema } }, { a: { b: { c: { e: 1 } } } })).toMatchObject({ argument: "a" })
    expect(closed({ a: { schema } }, { a: { d: 1 } })).toMatchObject({ argument: "a" })
    // To require a member is not to say what it may be.
    expect(closed({ a: { schema } }, { a: { l: [{ x: 1 }] } })).toMatchObject({ argument: "a" })
    const price = { quantity: { max: "5 EUR", number: "n", unit: "u" } }
    expect(closed({ a: price }, { a: { n: 1, u: "EUR" } })).toBeNull()
    expect(closed({ a: price }, { a: { n: 1, u: "EUR", exponent: 3 } })).toMatchObject({ argument: "a" })
  })

  test("a part of a schema that does not hold names nothing", () => {
    const schema = {
      anyOf: [
        { properties: { kind: { const: "a" }, x: {} }, required: ["kind"] },
        { properties: { kind: { const: "b" }, y: {} }, required: ["kind"] },
      ],
    }
    expect(closed({ a: { schema } }, { a: { kind: "a", x: 1 } })).toBeNull()
    expect(closed({ a: { schema } }, { a: { kind: "b", x: 1 } })).not.toBeNull()
    const not = { properties: { k: {} }, not: { not: { properties: { z: {} } } } }
    expect(closed({ a: { schema: not } }, { a: { z: 1 } })).not.toBeNull()
    const all = { allOf: [{ properties: { x: {} } }, { properties: { y: {} } }] }
    expect(closed({ a: { schema: all } }, { a: { x: 1, y: 2 } })).toBeNull()
  })
})
