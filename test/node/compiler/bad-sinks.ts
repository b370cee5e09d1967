/** Sinks with one thing wrong: each a whole sinks.yaml beside the example. */
import type { BadDirectory } from "./bad-directories.ts"
import { badFileOf } from "./bad-file.ts"

const GOOD = `sinks:
  - id: collector
    kind: otlp
    url: https://otel.example
    headers: { authorization: collector-key }
  - id: archive
    kind: s3
    url: https://s3.example/bucket
    region: eu-1
    access_key: archive-id
    secret_key: archive-key
    full: { write: deny }
  - id: lake
    kind: r2
    bucket: our-records
`

const bad = badFileOf("sinks", GOOD)

export const BAD_SINKS: readonly BadDirectory[] = [
  bad("an unknown kind", "kind: otlp", "kind: syslog", { message: /cannot be `syslog`/, at: "syslog" }),
  bad("two of one id", "id: archive", "id: collector", {
    message: /sink `collector` is there twice/,
    at: "collector\n    kind: s3",
  }),
  bad("no address", "    url: https://otel.example\n", "", {
    message: /sink `collector` has no `url`/,
    fix: /`otlp` needs it/,
    at: "id: collector",
  }),
  bad("no key", "    secret_key: archive-key\n", "", {
    message: /sink `archive` has no `secret_key`/,
    at: "id: archive",
  }),
  bad("a member of another kind", "    region: eu-1\n", "    region: eu-1\n    headers: { x-key: other }\n", {
    message: /`s3` takes no `headers`/,
    at: "headers: { x-key",
  }),
  bad("a secret where its name belongs", "authorization: collector-key", "authorization: Bearer abc", {
    message: /not the name of a secret/,
    fix: /SINK_SECRETS/,
    at: "Bearer abc",
  }),
  bad("a private host", "https://otel.example", "https://10.0.0.1", {
    message: /`10\.0\.0\.1` is a private host/,
    at: "https://10.0.0.1",
  }),
  bad("no TLS", "https://otel.example", "http://otel.example", {
    message: /not a URL that can be trusted/,
    at: "http://otel.example",
  }),
  bad("a query behind a bucket", "https://s3.example/bucket", "https://s3.example/bucket?x=1", {
    message: /the URL of a bucket has no query/,
    at: "https://s3.example/bucket?x=1",
  }),
  bad("no bucket", "    bucket: our-records\n", "", { message: /sink `lake` has no `bucket`/, at: "id: lake" }),
  bad("a bucket that no account can have", "bucket: our-records", "bucket: Our_Records", {
    message: /not the name of an R2 bucket/,
    at: "Our_Records",
  }),
  bad("a beginning of names that ends in a slash", "our-records\n", "our-records\n    prefix: in/\n", {
    message: /not what names of objects can begin with/,
    at: "in/",
  }),
  bad(
    "two that write the same objects",
    "  - id: lake\n",
    "  - id: copy\n    kind: r2\n    bucket: our-records\n    format: ocsf\n  - id: lake\n",
    { message: /`lake` writes the same objects as `copy`/, at: "id: lake" },
  ),
  bad("a header of the sender's", "{ authorization: collector-key }", "{ content-encoding: collector-key }", {
    message: /`content-encoding` is set by the sender/,
    at: "content-encoding",
  }),
  bad("an action class that there is none of", "{ write: deny }", "{ delete: deny }", {
    message: /delete/,
    at: "delete",
  }),
  bad("the path of a signal", "https://otel.example", "https://otel.example/otlp/v1/logs/", {
    message: /`\/v1\/logs\/` is appended/,
    fix: /OTEL_EXPORTER_OTLP_ENDPOINT/,
    at: "https://otel.example/otlp/v1/logs/",
  }),
  bad("a signal that there is none of", "    kind: otlp\n", "    kind: otlp\n    signals: [logs, profiles]\n", {
    message: /cannot be `profiles`/,
    at: "profiles",
  }),
  bad("signals of a bucket", "    kind: s3\n", "    kind: s3\n    signals: [logs]\n", {
    message: /`s3` takes no `signals`/,
    at: "signals: [logs]",
  }),
  bad("a sampler without spans", "    kind: otlp\n", "    kind: otlp\n    sampler: always_on\n", {
    message: /only spans are sampled/,
    at: "sampler: always_on",
  }),
  bad(
    "calls that are denied for a sink without records",
    "    kind: otlp\n",
    "    kind: otlp\n    signals: [metrics]\n    full: { write: deny }\n",
    { message: /this sink keeps no records/, at: "full: { write: deny }\n    url" },
  ),
]
