/**
 * The dialects that a gateway may be registered with. To add one takes one file here and one entry of `DIALECTS` in
 * `src/core/policy/definition/gateways.ts`; the compiler then demands its row in this table, and its row in the test
 * kit's (`testing/kit/gateways.ts`).
 */
import { authzen } from "./authzen.ts"
import type { DialectName } from "../../core/policy/definition/gateways.ts"
import { aws } from "./aws.ts"
import type { Dialect } from "./dialect.ts"
import { envoy } from "./envoy.ts"
import { forwarded } from "./forwarded.ts"
import { ingressNginx } from "./ingress-nginx.ts"
import { kong } from "./kong.ts"
import { nginx } from "./nginx.ts"
import { worker } from "./worker.ts"

export const DIALECTS: Readonly<Record<DialectName, Dialect>> = {
  envoy,
  agentgateway: envoy,
  nginx,
  "ingress-nginx": ingressNginx,
  traefik: forwarded,
  caddy: forwarded,
  haproxy: forwarded,
  apache: forwarded,
  apisix: forwarded,
  kong,
  aws,
  authzen,
  worker,
}
