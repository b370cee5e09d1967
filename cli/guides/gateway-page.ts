/**
 * The pages of docs/guides/gateways: each has the entry for gateways.yaml and the complete configuration of one make of
 * gateway. The same text is printed with a registered gateway's own values, so that page and command cannot differ.
 */
import { readdir, readFile } from "node:fs/promises"
import { parse } from "yaml"
import { z } from "zod"
import type { GatewayDefinition } from "../../src/core/policy/definition/gateways.ts"

const FOLDER = new URL("../../docs/guides/gateways/", import.meta.url)

export interface PageFile {
  readonly name: string
  readonly text: string
}

const entrySchema = z.looseObject({
  id: z.string(),
  dialect: z.string(),
  body: z.boolean().default(false),
  request_id_header: z.string().optional(),
})

export interface GatewayPage {
  /** Without `.md`. */
  readonly name: string
  /** The entry of gateways.yaml that the configuration belongs to. */
  readonly entry: z.infer<typeof entrySchema>
  readonly files: readonly PageFile[]
}

const REGISTER = "Register it"
/** The heading below the last file. */
const EXPLAINED = "What each part closes"

/** @returns the pages that have an entry, by name */
export async function gatewayPages(): Promise<readonly GatewayPage[]> {
  const names = (await readdir(FOLDER)).filter((name) => name.endsWith(".md") && name !== "README.md")
  const texts = await Promise.all(names.toSorted().map(async (name) => readFile(new URL(name, FOLDER), "utf8")))
  return texts.map((text, index) => readPage((names.toSorted()[index] ?? "").replace(/\.md$/, ""), text))
}

function readPage(name: string, text: string): GatewayPage {
  const sections = text.split(/^## /m).map((section) => {
    const [heading = "", ...lines] = section.split("\n")
    return { heading, blocks: blocksIn(lines.join("\n")) }
  })
  const first = sections.findIndex(({ heading }) => heading === REGISTER)
  const last = sections.findIndex(({ heading }) => heading === EXPLAINED)
  const [entry] = z.tuple([entrySchema]).parse(parse(sections[first]?.blocks[0]?.text ?? ""))
  const files = sections.slice(first + 1, last).flatMap(({ heading, blocks }) =>
    blocks.map(({ language, text: file }, index) => ({
      name: blocks.length === 1 && FILE_NAME.test(heading) ? heading : inventedName(heading, language, index),
      text: file,
    })),
  )
  return { name, entry, files }
}

const FILE_NAME = /^(?:[\w-]+\/)*(?:[\w-]+\.\w+|Caddyfile)$/

/** Commands among the blocks are for a person to run, and belong to no file. */
function blocksIn(section: string): readonly { readonly language: string; readonly text: string }[] {
  return Array.from(section.matchAll(/^```([a-z]+)\n([^]*?)\n```$/gm), ([, language = "", text = ""]) => ({
    language,
    text: `${text}\n`,
  })).filter(({ language }) => language !== "sh")
}

/** A section whose heading is no file name shows parts of what an operator applies, such as objects of Kubernetes. */
function inventedName(heading: string, language: string, index: number): string {
  const words = heading.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-")
  return `${words}${index === 0 ? "" : `-${index + 1}`}.${language}`
}

/** What stands in the pages for what each deployment has of its own. */
export interface GatewayValues {
  readonly id: string
  /** The public origin that agents call, with https. */
  readonly origin: URL
  /** The Worker's, with https. */
  readonly narrowgate: URL
  /** `host:port` of the server behind the gateway. */
  readonly upstream: string
  /** The folder in which the gateway finds its files. Absent: that of the page. */
  readonly directory?: string
  /** The file with the certificate authorities. Absent: Debian's. */
  readonly authorities?: string
  /** Absent: the placeholder stays. */
  readonly key?: string
}

export const KEY_PLACEHOLDER = "KEY_OF_THIS_GATEWAY"

/** One pass over each file: what is filled in is not searched for placeholders again. */
export function filled({ files, entry }: GatewayPage, values: GatewayValues): readonly PageFile[] {
  const { origin, narrowgate, upstream, directory, authorities, key } = values
  const [port, ownPort] = [origin.port || "443", narrowgate.port || "443"]
  const upstreamUrl = new URL(`http://${upstream}`)
  const rules: readonly (readonly [pattern: string, text: string])[] = [
    [String.raw`narrowgate\.example:443`, `${narrowgate.hostname}:${ownPort}`],
    [String.raw`narrowgate\.example, port_value: 443`, `${narrowgate.hostname}, port_value: ${ownPort}`],
    [String.raw`opa_port: 443`, `opa_port: ${ownPort}`],
    [String.raw`https://narrowgate\.example`, narrowgate.origin],
    [String.raw`narrowgate\.example`, narrowgate.hostname],
    [String.raw`127\.0\.0\.1:9000`, upstreamUrl.host],
    [
      String.raw`127\.0\.0\.1, port_value: 9000`,
      `${upstreamUrl.hostname}, port_value: ${upstreamUrl.port === "" ? "80" : upstreamUrl.port}`,
    ],
    [String.raw`/etc/ssl/certs/ca-certificates\.crt`, authorities ?? "/etc/ssl/certs/ca-certificates.crt"],
    ...(directory === undefined ? [] : [[String.raw`/etc/[a-z0-9]+(?=/)`, directory] as const]),
    // A site address of Caddy's without a port is for port 443.
    [String.raw`(?<=^)api\.example(?= \{$)`, port === "443" ? origin.hostname : `${origin.hostname}:${port}`],
    [String.raw`api\.example`, origin.hostname],
    [String.raw`\b443\b`, port],
    [String.raw`(?<=oauth-protected-resource/)${entry.id}\b`, values.id],
    [KEY_PLACEHOLDER, key ?? KEY_PLACEHOLDER],
  ]
  const pattern = new RegExp(rules.map(([source]) => `(${source})`).join("|"), "gm")
  const fill = (text: string): string =>
    text.replaceAll(pattern, (...found: readonly unknown[]) => {
      const rule = rules.findIndex((_rule, index) => found[index + 1] !== undefined)
      return rules[rule]?.[1] ?? ""
    })
  return files.map(({ name, text }) => ({ name, text: fill(text) }))
}

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
