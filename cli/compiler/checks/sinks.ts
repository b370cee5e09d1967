/** A sink has what its kind takes, and can be reached. */
import { isLoopback, mayBeFetched } from "../../../src/core/encoding/url.ts"
import type { SinkKind } from "../../../src/core/policy/definition/sinks.ts"
import type { Policies } from "../model/policies.ts"
import type { SinksFile } from "../schema/sinks.ts"
import type { Problem } from "../source/problem.ts"
import type { Path } from "../source/source.ts"

type Sink = SinksFile["sinks"][number]
const KEYS = [
  "url",
  "headers",
  "signals",
  "sampler",
  "bucket",
  "prefix",
  "format",
  "region",
  "access_key",
  "secret_key",
] as const
type Key = (typeof KEYS)[number]

/** One row each: what it needs, and what it may have. */
const TAKES: Readonly<Record<SinkKind, { readonly needs: readonly Key[]; readonly may: readonly Key[] }>> = {
  otlp: { needs: ["url"], may: ["headers", "signals", "sampler"] },
  ocsf: { needs: ["url"], may: ["headers"] },
  s3: { needs: ["url", "region", "access_key", "secret_key"], may: ["format"] },
  r2: { needs: ["bucket"], may: ["prefix", "format"] },
  file: { needs: [], may: ["format"] },
}

/** Headers that the sender sets, or that would change who is addressed. */
const OWN_HEADERS: ReadonlySet<string> = new Set(["content-type", "content-encoding", "content-length", "host"])

export function checkSinks(policies: Policies): Problem[] {
  return policies.sinks.value.sinks.flatMap((sink, index) => {
    const at: Path = ["sinks", index]
    return [
      ...keysOf(policies, sink, at),
      ...hostOf(policies, sink, at),
      ...headersOf(policies, sink, at),
      ...signalsOf(policies, sink, at),
      ...objectsOf(policies, sink, at),
    ]
  })
}

function keysOf({ sinks }: Policies, sink: Sink, at: Path): Problem[] {
  const { id, kind } = sink
  const { needs, may } = TAKES[kind]
  return KEYS.flatMap((key) => {
    const isThere = sink[key] !== undefined
    if (needs.includes(key) && !isThere)
      return [sinks.error(at, `sink \`${id}\` has no \`${key}\``, `The kind \`${kind}\` needs it: add it.`)]
    if (!isThere || needs.includes(key) || may.includes(key)) return []
    return [sinks.keyError([...at, key], `\`${kind}\` takes no \`${key}\``, "Remove it.")]
  })
}

/** Loopback is no error: the local stack may send there, and a deployed Worker never does. */
function hostOf({ sinks }: Policies, { url: written, kind }: Sink, at: Path): Problem[] {
  if (written === undefined) return []
  const url = new URL(written)
  if (!mayBeFetched(url, false) && !isLoopback(url)) {
    const fix = "Write a public `https://` host: a Worker sends nothing to private networks."
    return [sinks.error([...at, "url"], `\`${url.host}\` is a private host`, fix)]
  }
  if (kind !== "s3" || url.search === "") return []
  return [sinks.error([...at, "url"], "the URL of a bucket has no query", "Write it up to the first `?`.")]
}

function headersOf({ sinks }: Policies, { headers = {} }: Sink, at: Path): Problem[] {
  return Object.keys(headers).flatMap((name) =>
    OWN_HEADERS.has(name)
      ? [sinks.keyError([...at, "headers", name], `\`${name}\` is set by the sender`, "Remove it.")]
      : [],
  )
}

function signalsOf(
  { sinks }: Policies,
  { kind, url = "", signals = ["logs"], sampler, full = {} }: Sink,
  at: Path,
): Problem[] {
  if (kind !== "otlp") return []
  const [path = ""] = /\/v1\/(?:logs|traces|metrics)\/?$/u.exec(new URL(url, "https://none.invalid").pathname) ?? []
  return [
    ...(path === ""
      ? []
      : [
          sinks.error(
            [...at, "url"],
            `the URL of a collector is its base URL: \`${path}\` is appended`,
            "Write it without, as in `OTEL_EXPORTER_OTLP_ENDPOINT`.",
          ),
        ]),
    ...(sampler === undefined || signals.includes("traces")
      ? []
      : [sinks.keyError([...at, "sampler"], "only spans are sampled", "Add `traces` to `signals`, or remove it.")]),
    ...(signals.includes("logs") || !Object.values(full).includes("deny")
      ? []
      : [sinks.keyError([...at, "full"], "this sink keeps no records", "Add `logs` to `signals`, or remove it.")]),
  ]
}

/** The same records have the same name in every sink: in one place two sinks would replace each other's objects. */
function objectsOf({ sinks }: Policies, sink: Sink, at: Path): Problem[] {
  const place = placeOf(sink)
  const other = sinks.value.sinks.find((each) => placeOf(each) === place)
  if (place === null || !other || other === sink) return []
  const fix = "Give each its own beginning of names, or its own bucket."
  return [sinks.error(at, `\`${sink.id}\` writes the same objects as \`${other.id}\``, fix)]
}

function placeOf({ kind, url, bucket, prefix = "" }: Sink): string | null {
  if (kind === "s3") return (url ?? "").replace(/\/$/u, "")
  return kind === "r2" ? `${bucket}/${prefix}` : null
}
