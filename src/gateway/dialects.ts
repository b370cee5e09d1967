/** The dialects that a gateway may be registered with. Adding one is one file and one line. */
import type { DialectName } from "../policy/bundle.ts"
import type { Dialect } from "./dialect.ts"
import { envoy } from "./envoy.ts"
import { caddy, traefik } from "./forwarded.ts"
import { nginx } from "./nginx.ts"
import { worker } from "./worker.ts"

export const DIALECTS: Readonly<Record<DialectName, Dialect>> = { envoy, nginx, traefik, caddy, worker }
