import { libraries } from "../installed.ts"
import type { Substitution } from "../page.ts"
import type { Place, Row } from "../row.ts"

/** By nginx itself, before it asks. */
const REFUSED = {
  TRACE: "405",
  "two tokens": "400",
  "dot segments above the root": "400",
  "dot segments out of the authorizer's path": "400",
  "an encoded zero": "400",
  "an escape that is none": "400",
  "half an escape": "400",
  "a control byte": "400",
  "a target without a path": "400",
}

export const nginx: Row = {
  name: "nginx",
  page: "nginx.md",
  program: "nginx",
  printed: alone,
  environment: ({ root }) => libraries(root),
  differs: {
    ...REFUSED,
    // Its headers are passed on, and its status is none that `auth_request` knows.
    "has no owner yet": "500 unavailable",
    // Any 2xx is an allow; without a decision there is no upstream.
    "answers 204 with an identity": "allowed",
    "is somebody else, who answers 200": "502",
    "answers 200 with an identity and no decision": "502",
  },
  carries: { body: false, decisionOfAllow: true, rateLimitOfAllow: false, unavailableAs: 403 },
}

export const nginxNjs: Row = {
  name: "nginx-njs",
  page: "nginx-njs.md",
  program: "nginx",
  needs: ["/usr/lib/nginx/modules/ngx_http_js_module.so"],
  printed: (place) => [...alone(place), ["load_module modules/ngx_http_js_module.so;\n", ""]],
  environment: ({ root }) => libraries(root),
  broken: ["async function authorize(r) {\n", 'async function authorize(r) {\n  throw new Error("broken")\n'],
  differs: REFUSED,
  carries: { body: true, decisionOfAllow: true, rateLimitOfAllow: false, unavailableAs: 403 },
}

function alone({ port }: Place): readonly Substitution[] {
  return [...ONE_PROCESS, [`listen ${port} ssl`, `listen 127.0.0.1:${port} ssl`]]
}

const TEMPORARY = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
  .map((name) => `  ${name}_temp_path ${name};\n`)
  .join("")

/** It may write nowhere but here. */
const ONE_PROCESS: readonly Substitution[] = [
  ["worker_processes auto;\n", "daemon off;\nmaster_process off;\npid nginx.pid;\n"],
  ["  server_tokens off;\n", `  server_tokens off;\n  access_log off;\n${TEMPORARY}`],
]
