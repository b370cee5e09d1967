/** The pages of docs/guides/gateways, one for each make of gateway. */
import { z } from "zod"
import type { GatewayDefinition } from "../../src/core/policy/definition/gateways.ts"
import { onLoopback } from "./loopback.ts"
import { fill, KEY_PLACEHOLDER, literally, readPages, type Page, type PageFile, type Replacement } from "./page.ts"

const entrySchema = z.looseObject({
  id: z.string(),
  dialect: z.string(),
  body: z.boolean().default(false),
  request_id_header: z.string().optional(),
  denials: z.enum(["http", "mcp"]).optional(),
  serves_metadata: z.boolean().default(false),
  preflights: z.boolean().default(false),
  filters_lists: z.string().optional(),
})

/** Its entry is the one of gateways.yaml that the configuration belongs to. */
export type GatewayPage = Page<z.infer<typeof entrySchema>>

export async function gatewayPages(): Promise<readonly GatewayPage[]> {
  return readPages("gateways", "What each part closes", entrySchema)
}

/** A server behind the gateway. */
export interface Upstream {
  /** Distinguishes it from the others in the configuration: letters, digits, `_`. */
  readonly name: string
  /** `host:port` */
  readonly address: string
  /** Paths of the catalog that it serves, `/crm/{ticket}`. The only upstream of a gateway serves all, whatever these are. */
  readonly paths: readonly string[]
}

/** What stands in the pages for what each deployment has of its own. */
export interface GatewayValues {
  readonly id: string
  /** The public origin that agents call: with https, or all on loopback. */
  readonly origin: URL
  /** The Worker's, likewise. */
  readonly narrowgate: URL
  readonly upstreams: readonly [Upstream, ...Upstream[]]
  /** The folder in which the gateway finds its files. Absent: that of the page. */
  readonly directory?: string
  /** The file with the certificate authorities. Absent: Debian's. */
  readonly authorities?: string
  /** Absent: the placeholder stays. */
  readonly key?: string
}

/** The configuration of the page, with the values of a deployment. */
export function filled(page: GatewayPage, values: GatewayValues): readonly PageFile[] {
  const { origin, narrowgate, upstreams, directory, authorities, key } = values
  const [port, ownPort] = [portOf(origin), portOf(narrowgate)]
  const replacements: readonly Replacement[] = [
    [String.raw`narrowgate\.example:443`, `${narrowgate.hostname}:${ownPort}`],
    [String.raw`narrowgate\.example, port_value: 443`, `${narrowgate.hostname}, port_value: ${ownPort}`],
    [String.raw`opa_port: 443`, `opa_port: ${ownPort}`],
    [String.raw`https?://narrowgate\.example`, narrowgate.origin],
    // By which the Worker is found: with its port, unless that is the usual one.
    [String.raw`(?<=Host |host_rewrite_literal: |":authority"\] = ")narrowgate\.example`, narrowgate.host],
    [String.raw`narrowgate\.example`, narrowgate.hostname],
    [String.raw`/etc/ssl/certs/ca-certificates\.crt`, authorities ?? "/etc/ssl/certs/ca-certificates.crt"],
    ...(authorities === undefined ? [] : [["(?<=ca-file )@system-ca", authorities] as const]),
    ...(directory === undefined ? [] : [[String.raw`/etc/[a-z0-9]+(?=/|\n|$)`, directory] as const]),
    // A site address of Caddy's without a port is for port 443.
    [String.raw`^api\.example(?= \{$)`, port === "443" ? origin.hostname : `${origin.hostname}:${port}`],
    [String.raw`api\.example`, origin.hostname],
    [String.raw`\b443\b`, port],
    [String.raw`\b10081\b`, isOnLoopback(values) ? String(Number(port) + 1) : "10081"],
    [`(?<=oauth-protected-resource/)${literally(page.entry.id)}\\b`, values.id],
    [KEY_PLACEHOLDER, key ?? KEY_PLACEHOLDER],
  ]
  // Commands among the blocks are for a person to run, and belong to no file.
  const files = page.files.filter(({ name }) => !name.endsWith(".sh"))
  const here = isOnLoopback(values) ? onLoopback(page.name, files) : files
  const [first] = upstreams
  const texts = here.map(({ name, text }) => ({
    name,
    text: splitParts(text)
      .map((part) =>
        typeof part === "string"
          ? fill(part, [...addressed(first), ...replacements])
          : repeated(part, upstreams, replacements),
      )
      .join(""),
  }))
  // nginx includes the key from a file of its own, for root alone.
  const isIncluded = texts.some(({ text }) => /^\s*include \S+\/narrowgate\.key;$/m.test(text))
  return isIncluded && key !== undefined
    ? [...texts, { name: "narrowgate.key", text: `set $narrowgate_key "${key}";\n` }]
    : texts
}

const portOf = ({ port, protocol }: URL): string => port || (protocol === "https:" ? "443" : "80")

/** Nothing of it has TLS then. */
export const isOnLoopback = ({ origin, narrowgate }: Pick<GatewayValues, "origin" | "narrowgate">): boolean =>
  origin.protocol === "http:" && narrowgate.protocol === "http:"

/** A part of a page that is there once for each upstream, or for each path of one. */
interface RepeatedPart {
  readonly each: "upstream" | "path"
  /** The comment that says so. */
  readonly comment: string
  readonly text: string
}

/** The comment above it; the part ends at an empty line, or at one that stands farther left. */
const REPEATED = /^([ \t]*)(?:#|--|\/\/) For each (upstream|path)\b.*\n(?:\1(?:#|--|\/\/) .*\n)*/m

/** Whether a page says how it has several. */
export const hasSeveral = ({ files }: GatewayPage): boolean => files.some(({ text }) => REPEATED.test(text))

function splitParts(text: string): readonly (string | RepeatedPart)[] {
  const found = REPEATED.exec(text)
  if (!found) return [text]
  const [comment, indent = "", each] = found
  const start = found.index + comment.length
  const lines = text.slice(start).split(/(?<=\n)/)
  const end = lines.findIndex((line) => line.trim() === "" || !line.startsWith(indent))
  const part = lines.slice(0, end < 0 ? lines.length : end).join("")
  return [
    text.slice(0, found.index),
    { each: each === "path" ? "path" : "upstream", comment, text: part },
    ...splitParts(text.slice(start + part.length)),
  ]
}

function repeated(
  { each, comment, text }: RepeatedPart,
  upstreams: GatewayValues["upstreams"],
  replacements: readonly Replacement[],
): string {
  const [first, ...others] = upstreams
  if (others.length === 0) return fill(comment + text, [...addressed(first), ...replacements])
  const parts = upstreams.flatMap((upstream) => {
    const named: readonly Replacement[] = [[String.raw`\bguarded\b`, upstream.name], ...addressed(upstream)]
    if (each === "upstream") return [fill(text, [...named, ...replacements])]
    return upstream.paths.map((path, index) =>
      fill(text, [
        [String.raw`\bguarded_path\b`, `${upstream.name}_${index + 1}`],
        [literally(ALL_PATHS), pathPattern(path)],
        ...named,
        ...replacements,
      ]),
    )
  })
  return fill(comment, replacements) + parts.join("")
}

function addressed({ address }: Upstream): readonly Replacement[] {
  const { host, hostname, port } = new URL(`http://${address}`)
  return [
    [String.raw`127\.0\.0\.1:9000`, host],
    [String.raw`127\.0\.0\.1, port_value: 9000`, `${hostname}, port_value: ${port || "80"}`],
  ]
}

/** The pattern in the pages that every path fits. */
const ALL_PATHS = "/.*"

/**
 * A path of the catalog in the words that all makes of gateway read alike. It fits the raw path: Narrowgate allows no
 * call in which a literal of the path is written otherwise.
 */
const pathPattern = (path: string): string =>
  path.replaceAll(/\{[^}]+\}|[^A-Za-z0-9/_~-]/gu, (found) => (found.startsWith("{") ? "[^/]+" : `[${found}]`))

/** @returns the page for a gateway's dialect; undefined if none has its complete configuration */
export function pageOf(
  { dialect, body }: Pick<GatewayDefinition, "dialect" | "body">,
  pages: readonly GatewayPage[],
): GatewayPage | undefined {
  const fitting = pages.filter(({ entry }) => entry.dialect === dialect)
  return (
    fitting.find(({ entry }) => dialect === "nginx" && entry.body === body) ??
    fitting.find(({ name }) => name === dialect)
  )
}
