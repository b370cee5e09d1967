/** Sinks with one thing wrong: each a whole sinks.yaml beside the example. */
import type { BadDirectory } from "./bad-directories.ts"
import { badFileOf } from "./bad-file.ts"

const GOOD = `sinks:
  - id: collector
    kind: otlp
    url: https://otel.example/v1/logs
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
  bad("no address", "    url: https://otel.example/v1/logs\n", "", {
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
  bad("a private host", "https://otel.example/v1/logs", "https://10.0.0.1/v1/logs", {
    message: /`10\.0\.0\.1` is a private host/,
    at: "https://10.0.0.1/v1/logs",
  }),
  bad("no TLS", "https://otel.example/v1/logs", "http://otel.example/v1/logs", {
    message: /not a URL that can be trusted/,
    at: "http://otel.example/v1/logs",
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
]
