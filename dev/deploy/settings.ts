/**
 * The settings that differ between environments, and the `wrangler.<environment>.toml` that is made of them and of
 * wrangler.toml. That file stores them from one deployment to the next; everything else in it follows wrangler.toml.
 */
import { z } from "zod"
import { bucketBinding } from "../../src/core/policy/definition/sinks.ts"
import { Failure } from "../../cli/terminal/failure.ts"

export interface Settings {
  readonly environment: string
  /** Of the Worker: one of its own. */
  readonly host: string
  /** JWK Set, as JSON. */
  readonly publisherKeys: string
  /** Of the KV namespace; null if none has been made. */
  readonly namespace: string | null
  readonly signingAlgorithm: string
  readonly maxProbeRequests: string
  readonly recordDelaySeconds: string
  /** Empty: none. */
  readonly jurisdiction: string
}

const NO_NAMESPACE = "none-yet"

export const workerOf = ({ environment }: Pick<Settings, "environment">): string => `narrowgate-${environment}`
export const namespaceTitleOf = (settings: Pick<Settings, "environment">): string => `${workerOf(settings)}-bundles`
export const fileOf = (environment: string): string => `wrangler.${environment}.toml`

/**
 * @param base text of wrangler.toml
 * @param buckets of R2, which the policies name and the Worker is to be bound to
 */
export function configurationOf(base: string, settings: Settings, buckets: readonly string[]): string {
  const { environment, host, publisherKeys, namespace, signingAlgorithm, maxProbeRequests } = settings
  const { recordDelaySeconds, jurisdiction } = settings
  const edits: readonly (readonly [line: RegExp, to: string])[] = [
    [
      /^name = "narrowgate"$/m,
      `name = "${workerOf(settings)}"\n# One way in: its own host name.\nworkers_dev = false\npreview_urls = false\n` +
        `routes = [{ pattern = "${host}", custom_domain = true }]`,
    ],
    [/^# ISSUER = ".*"$/m, `ISSUER = "https://${host}"`],
    [/^SIGNING_ALGORITHM = ".*"$/m, `SIGNING_ALGORITHM = "${signingAlgorithm}"`],
    [/^# PUBLISHER_KEYS = '.*'$/m, `PUBLISHER_KEYS = '${publisherKeys}'`],
    [/^MAX_PROBE_REQUESTS = ".*"$/m, `MAX_PROBE_REQUESTS = "${maxProbeRequests}"`],
    [/^RECORD_DELAY_SECONDS = ".*"$/m, `RECORD_DELAY_SECONDS = "${recordDelaySeconds}"`],
    [/^JURISDICTION = ".*"$/m, `JURISDICTION = "${jurisdiction}"`],
    [/^binding = "BUNDLES"$/m, `binding = "BUNDLES"\nid = "${namespace ?? NO_NAMESPACE}"`],
  ]
  let text = base
  for (const [line, to] of edits) {
    if (text.match(new RegExp(line.source, "gm"))?.length !== 1) {
      throw new Error(`wrangler.toml has another form than dev/deploy/settings.ts reads: ${line.source}`)
    }
    text = text.replace(line, () => to)
  }
  return `# Made of wrangler.toml by \`narrowgate deploy --env ${environment}\`, which keeps what is in [vars], \`routes\` and \`id\`,\n# and makes the rest anew. There is no secret in it: commit it.\n${text}${buckets.map((bucket) => bindingTo(bucket, settings)).join("")}`
}

function bindingTo(bucket: string, { jurisdiction }: Settings): string {
  const where = jurisdiction === "" ? "" : `jurisdiction = "${jurisdiction}"\n`
  return `\n[[r2_buckets]]\nbinding = "${bucketBinding(bucket)}"\nbucket_name = "${bucket}"\n${where}`
}

/** @param text of a file that `configurationOf` made, its values edited or not */
export function settingsIn(environment: string, text: string): Settings {
  const value = (line: RegExp): string => {
    const [, found] = line.exec(text) ?? []
    if (found !== undefined) return found
    const fix = `Move it away, and have one made: narrowgate deploy --env ${environment} --host HOST.`
    throw new Failure(`${fileOf(environment)} has no ${line.source.replace(/^\^|\\|\(.*$/gu, "").trim()}`, fix)
  }
  const namespace = value(/^id = "(.*)"$/m)
  return {
    environment,
    host: value(/^routes = \[\{ pattern = "(.*?)"/m),
    publisherKeys: value(/^PUBLISHER_KEYS = '(.*)'$/m),
    namespace: namespace === NO_NAMESPACE ? null : namespace,
    signingAlgorithm: value(/^SIGNING_ALGORITHM = "(.*)"$/m),
    maxProbeRequests: value(/^MAX_PROBE_REQUESTS = "(.*)"$/m),
    recordDelaySeconds: value(/^RECORD_DELAY_SECONDS = "(.*)"$/m),
    jurisdiction: value(/^JURISDICTION = "(.*)"$/m),
  }
}

/** Says what is wrong with the settings, before any request to an account. */
export function checkSettings(settings: Settings, others: readonly Settings[]): void {
  const { environment, host, publisherKeys, namespace } = settings
  if (!/^[a-z][a-z0-9-]{0,30}$/.test(environment))
    throw refused(`no environment is called ${environment}`, "Use lower-case letters, as in `staging`.")
  if (!/^(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}$/.test(host))
    throw refused(
      `${host} is no host name`,
      "Add --host authz.staging.example: one of its own, in a zone of the account.",
    )
  for (const other of others) {
    const same = (what: string): Failure =>
      refused(
        `${environment} and ${other.environment} have the same ${what}`,
        "What is made for one must open nothing in the other: give each its own.",
      )
    if (other.host === host) throw same("host")
    if (namespace !== null && other.namespace === namespace) throw same("KV namespace")
    if (!namesOf(other.publisherKeys).isDisjointFrom(namesOf(publisherKeys))) throw same("publisher's key")
  }
}

const keySet = z.object({ keys: z.array(z.object({ kid: z.string().optional(), x: z.string().optional() })) })

/** Names and public halves of all keys in it: there are two while one replaces the other. */
function namesOf(publisherKeys: string): ReadonlySet<string> {
  return new Set(keySet.parse(JSON.parse(publisherKeys)).keys.flatMap(({ kid = [], x = [] }) => [kid, x].flat()))
}

const refused = (message: string, fix: string): Failure => new Failure(message, fix)
