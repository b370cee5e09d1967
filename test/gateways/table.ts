/** The gateways that run here. A further one is a page in docs/gateways/, a file in rows/ and a line here. */
import type { Row } from "./row.ts"
import { envoy } from "./rows/envoy.ts"
import { nginx, nginxNjs } from "./rows/nginx.ts"

export const GATEWAYS: readonly Row[] = [envoy, nginx, nginxNjs]
