/** The gateways that run here. A further one is a page in docs/guides/gateways/, a file in rows/ and a line here. */
import type { Row } from "./row.ts"
import { apache } from "./rows/apache.ts"
import { caddy } from "./rows/caddy.ts"
import { envoy } from "./rows/envoy.ts"
import { haproxy } from "./rows/haproxy.ts"
import { nginx, nginxNjs } from "./rows/nginx.ts"
import { traefik } from "./rows/traefik.ts"

export const GATEWAYS: readonly Row[] = [envoy, nginx, nginxNjs, caddy, haproxy, apache, traefik]
