/**
 * Random texts of Cedar's extension types: those that are values of the type, and those that are nearly: one character
 * more, less or other, where readers of such texts tend to differ.
 */
import fc from "fast-check"

export const KINDS = ["decimal", "datetime", "duration", "ip"] as const
export type Kind = (typeof KINDS)[number]

const digits = (count: number) =>
  fc.integer({ min: 0, max: 10 ** count - 1 }).map((n) => String(n).padStart(count, "0"))
const within = (max: number, count: number) => fc.integer({ min: 0, max }).map((n) => String(n).padStart(count, "0"))
const sign = fc.constantFrom("", "", "-")

const decimal = fc.oneof(
  fc.constantFrom("0.0", "1.5", "01.50", "-1.5", "922337203685477.5807", "-922337203685477.5808"),
  fc.tuple(sign, fc.nat({ max: 99 }), fc.integer({ min: 1, max: 4 }).chain(digits)).map(([s, a, b]) => `${s}${a}.${b}`),
)

const date = fc
  .tuple(
    fc.oneof(fc.constantFrom("0000", "1900", "1970", "2000", "2024", "9999"), digits(4)),
    within(11, 2),
    within(27, 2),
  )
  .map(([year, month, day]) => `${year}-${next(month)}-${next(day)}`)
const next = (text: string) => String(Number(text) + 1).padStart(2, "0")
const zone = fc.oneof(
  fc.constant("Z"),
  fc.tuple(fc.constantFrom("+", "-"), within(23, 2), within(59, 2)).map(([s, h, m]) => s + h + m),
)
const datetime = fc.oneof(
  fc.constantFrom("1970-01-01", "1969-12-31T23:59:59.999Z", "2024-02-29", "2000-02-29", "2024-12-31"),
  date,
  fc
    .tuple(
      date,
      within(23, 2),
      within(59, 2),
      within(59, 2),
      fc.oneof(
        fc.constant(""),
        digits(3).map((ms) => `.${ms}`),
      ),
      zone,
    )
    .map(([day, h, m, s, ms, offset]) => `${day}T${h}:${m}:${s}${ms}${offset}`),
)

const duration = fc.oneof(
  fc.constantFrom(
    "0ms",
    "1d",
    "24h",
    "-1ms",
    "9223372036854775807ms",
    "-9223372036854775808ms",
    "106751991167d7h12m55s807ms",
  ),
  fc
    .tuple(
      sign,
      fc.subarray(["d", "h", "m", "s", "ms"], { minLength: 1 }),
      fc.array(fc.nat({ max: 2000 }), { minLength: 5, maxLength: 5 }),
    )
    .map(([s, units, counts]) => s + units.map((unit, index) => `${counts[index]}${unit}`).join("")),
)

const octet = fc.oneof(fc.constantFrom(0, 10, 127, 224, 255), fc.nat({ max: 255 }))
const ipv4 = fc.tuple(octet, octet, octet, octet).map((octets) => octets.join("."))
const group = fc.oneof(
  fc.constantFrom("0", "1", "ff02", "FFFF", "0001"),
  fc.nat({ max: 0xffff }).map((n) => n.toString(16)),
)
const ipv6 = fc.oneof(
  fc.constantFrom("::", "::1", "ff02::1", "fe80::"),
  fc.array(group, { minLength: 8, maxLength: 8 }).map((groups) => groups.join(":")),
  fc
    .tuple(fc.array(group, { maxLength: 4 }), fc.array(group, { maxLength: 3 }))
    .map(([before, after]) => `${before.join(":")}::${after.join(":")}`),
)
const prefix = (max: number) =>
  fc.oneof(
    fc.constant(""),
    fc.constantFrom(0, 4, 7, 8, 24, 32, max).map((n) => `/${n}`),
    fc.nat({ max }).map((n) => `/${n}`),
  )
const ip = fc.oneof(
  fc.constantFrom("10.0.0.0/8", "10.1.2.3", "127.0.0.1", "10.1.2.3/32"),
  fc.tuple(ipv4, prefix(32)).map((parts) => parts.join("")),
  fc.tuple(ipv6, prefix(128)).map((parts) => parts.join("")),
)

/** Each a value of its type. */
export const TEXTS: Readonly<Record<Kind, fc.Arbitrary<string>>> = { decimal, datetime, duration, ip }

const character = fc.constantFrom(..."0123456789-+.:/TZdhmsa \n\u0663".split(""))

/** One place of a text changed. */
export function nearly(text: fc.Arbitrary<string>): fc.Arbitrary<string> {
  return fc
    .tuple(text, fc.nat(), fc.nat({ max: 1 }), fc.oneof(fc.constant(""), character))
    .map(([one, at, cut, put]) => {
      const place = at % (one.length + 1)
      return one.slice(0, place) + put + one.slice(place + cut)
    })
}
