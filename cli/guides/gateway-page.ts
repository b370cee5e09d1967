/** The pages of docs/guides/gateways, one for each make of gateway. */
import { z } from "zod"
import type { GatewayDefinition } from "../../src/core/policy/definition/gateways.ts"
import { fill, literally, readPages, type Page, type PageFile, type Replacement } from "./page.ts"

const entrySchema = z.looseObject({
  id: z.string(),
  dialect: z.string(),
  body: z.boolean().default(false),
  request_id_header: z.string().optional(),
  denials: z.enum(["http", "mcp"]).optional(),
  serves_metadata: z.boolean().default(false),
  filters_lists: z.string().optional(),
})

/** Its entry is the one of gateways.yaml that the configuration belongs to. */
export type GatewayPage = Page<z.infer<typeof entrySchema>>

export async function gatewayPages(): Promise<readonly GatewayPage[]> {
  return readPages("gateways", "What each part closes", entrySchema)
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

export function filled({ files, entry }: GatewayPage, values: GatewayValues): readonly PageFile[] {
  const { origin, narrowgate, upstream, directory, authorities, key } = values
  const [port, ownPort] = [origin.port || "443", narrowgate.port || "443"]
  const server = new URL(`http://${upstream}`)
  const replacements: readonly Replacement[] = [
    [String.raw`narrowgate\.example:443`, `${narrowgate.hostname}:${ownPort}`],
    [String.raw`narrowgate\.example, port_value: 443`, `${narrowgate.hostname}, port_value: ${ownPort}`],
    [String.raw`opa_port: 443`, `opa_port: ${ownPort}`],
    [String.raw`https://narrowgate\.example`, narrowgate.origin],
    [String.raw`narrowgate\.example`, narrowgate.hostname],
    [String.raw`127\.0\.0\.1:9000`, server.host],
    [String.raw`127\.0\.0\.1, port_value: 9000`, `${server.hostname}, port_value: ${server.port || "80"}`],
    [String.raw`/etc/ssl/certs/ca-certificates\.crt`, authorities ?? "/etc/ssl/certs/ca-certificates.crt"],
    ...(authorities === undefined ? [] : [["(?<=ca-file )@system-ca", authorities] as const]),
    ...(directory === undefined ? [] : [[String.raw`/etc/[a-z0-9]+(?=/)`, directory] as const]),
    // A site address of Caddy's without a port is for port 443.
    [String.raw`^api\.example(?= \{$)`, port === "443" ? origin.hostname : `${origin.hostname}:${port}`],
    [String.raw`api\.example`, origin.hostname],
    [String.raw`\b443\b`, port],
    [`(?<=oauth-protected-resource/)${literally(entry.id)}\\b`, values.id],
    [KEY_PLACEHOLDER, key ?? KEY_PLACEHOLDER],
  ]
  // Commands among the blocks are for a person to run, and belong to no file.
  return fill(
    files.filter(({ name }) => !name.endsWith(".sh")),
    replacements,
  )
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
