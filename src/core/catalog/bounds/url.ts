/**
 * `url`: where a URL leads. It is judged as the parser of the WHATWG reads it, and only if RFC 3986 reads the same: in
 * userinfo, backslashes, blanks, odd forms of IPv4, dots at the end and names of IDNA parsers differ, and a request goes to
 * another host than the one that was judged.
 */
import * as z from "zod"
import type { UrlBound } from "./definition.ts"
import { readTarget } from "../path.ts"
import { domainCovers, isDomain, isDomainPattern, patternImplies } from "./domain.ts"
import {
  anyOf,
  eachCovered,
  LONGEST_ITEM,
  Miss,
  MOST_ITEMS,
  outside,
  unclear,
  type BoundKind,
  type CompiledBound,
} from "./kind.ts"

const SCHEMES = ["https", "http", "wss", "ws"] as const
const DEFAULT_PORTS: Readonly<Record<string, number>> = { https: 443, http: 80, wss: 443, ws: 80 }
const LONGEST = 8_192

/** Nothing stands between the host and the path: `?` and `#` there end the host for some readers alone. */
const PLAIN = /^([a-z]+):\/\/([a-z0-9.-]+|\[[0-9a-f:.]+\])(?::([1-9]\d{0,4}))?(\/[\x21-\x5b\x5d-\x7e]*)?$/i
const V4 = /^(?:\d{1,3}\.){3}\d{1,3}$/

/** Whether it is as the parser of the WHATWG writes it: no octal numbers, no address in fewer parts. */
function isHost(text: string): boolean {
  if (isDomain(text)) return true
  return (V4.test(text) || text.startsWith("[")) && URL.parse(`https://${text}/`)?.hostname === text
}

const isHostPattern = (text: string): boolean => isDomainPattern(text) || isHost(text)

/** Decoded segments of a path; null if readers differ over it. */
function segmentsOf(target: string): readonly string[] | null {
  const read = readTarget(target)
  return "denied" in read ? null : read.segments
}

const isPath = (text: string): boolean => /^\/./.test(text) && !text.endsWith("/") && segmentsOf(text) !== null
const prefixOf = ({ path }: UrlBound): readonly string[] => (path === undefined ? [] : (segmentsOf(path) ?? []))

interface Url {
  readonly scheme: string
  readonly host: string
  readonly port: number
  /** As it is written. */
  readonly path: string
}

function read(value: unknown): Url | Miss {
  if (typeof value !== "string") return unclear("it is no text")
  const [, written = "", writtenHost = "", port, path = "/"] = value.length <= LONGEST ? (PLAIN.exec(value) ?? []) : []
  if (writtenHost === "") return unclear("it is no URL that all readers take alike")
  const [scheme, host] = [written.toLowerCase(), writtenHost.toLowerCase()]
  const url = URL.parse(value)
  if (!url || url.protocol !== `${scheme}:` || url.hostname !== host || !(scheme in DEFAULT_PORTS) || !isHost(host))
    return unclear("it is no URL that all readers take alike")
  return { scheme, host, port: port === undefined ? (DEFAULT_PORTS[scheme] ?? 0) : Number(port), path }
}

function compile(bound: UrlBound): CompiledBound<Url> {
  const { hosts, schemes = ["https"], ports } = bound
  const prefix = prefixOf(bound)
  return {
    units: 4 * hosts.length,
    judge: ({ scheme, host, port, path }, { work }) => {
      if (!schemes.some((each) => each === scheme)) return outside("its scheme is another")
      if (!hosts.some((each) => domainCovers(each, host))) return outside("its host is another")
      if (ports ? !ports.includes(port) : port !== DEFAULT_PORTS[scheme]) return outside("its port is another")
      if (bound.path === undefined) return null
      const segments = work.once(segmentsBeforeFragment, path, path.length * UNITS_OF_PATH)
      if (segments instanceof Miss) return segments
      return prefix.every((segment, place) => segment === segments[place]) ? null : outside("its path is another")
    },
  }
}
/** Units for each character of a path whose segments are read. */
const UNITS_OF_PATH = 5

function segmentsBeforeFragment(path: string): readonly string[] | Miss {
  return segmentsOf(path.split("#", 1)[0] ?? "") ?? unclear("readers differ over its path")
}

export const url: BoundKind<UrlBound, Url> = {
  definition: z
    .strictObject({
      hosts: z
        .array(
          z
            .string()
            .max(LONGEST_ITEM)
            .refine(isHostPattern, {
              error: "not a host",
              params: {
                fix: "Write `api.example.org`, `*.example.org` for what is below it, `192.0.2.1` or `[2001:db8::1]`, in small ASCII letters (`xn--…` for others).",
              },
            }),
        )
        .min(1)
        .max(MOST_ITEMS)
        .readonly()
        .describe("The hosts. `*.example.org` stands for what is below `example.org`."),
      schemes: z
        .array(z.enum(SCHEMES))
        .min(1)
        .max(SCHEMES.length)
        .readonly()
        .exactOptional()
        .describe("The schemes. If absent: `https`."),
      ports: z
        .array(z.int().min(1).max(65_535))
        .min(1)
        .max(MOST_ITEMS)
        .readonly()
        .exactOptional()
        .describe("The ports. If absent: the default port of the scheme."),
      path: z
        .string()
        .max(LONGEST_ITEM)
        .refine(isPath, {
          error: "not a path",
          params: { fix: "Write `/v1/reports`: no slash at the end, no dot segments, nothing encoded but UTF-8." },
        })
        .exactOptional()
        .describe("The path is this one or below it."),
    })
    .readonly()
    .describe("The argument is a URL that leads to one of these hosts, or a list of such URLs."),
  judgesWhole: false,
  isOfObjects: () => false,
  read,
  units: (characters) => 300 + Math.min(characters, LONGEST),
  compile,
  words: ({ hosts, schemes = ["https"], ports, path }) =>
    `is a URL (${schemes.join(", ")}) at ${anyOf(hosts)}${ports ? `, port ${ports.join(", ")}` : ""}${path === undefined ? "" : `, path ${anyOf([path])}`}`,
  contradiction: () => null,
  implies: (one, other) =>
    eachCovered(one.hosts, other.hosts, patternImplies) &&
    eachCovered(one.schemes ?? ["https"], other.schemes ?? ["https"], (wide, narrow) => wide === narrow) &&
    (JSON.stringify(one.ports) === JSON.stringify(other.ports) ||
      (one.ports !== undefined &&
        other.ports !== undefined &&
        one.ports.every((port) => other.ports?.includes(port)))) &&
    prefixOf(other).every((segment, place) => segment === prefixOf(one)[place]),
}
