/** The upstreams of the local stack: what agents call, behind the gateway. One file each. */
export { type Desk, startDesk } from "./upstreams/desk.ts"
export type { McpUpstream } from "./upstreams/mcp.ts"
export { startBilling } from "./upstreams/billing.ts"
export { type Api, startApi } from "./upstreams/api.ts"
export { type Upstream, startEverything } from "./upstreams/everything.ts"
