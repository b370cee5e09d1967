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
  files: ["nginx.conf"],
  program: "nginx",
  substitutions: shared,
  printed: alone,
  others: keyFile,
  args,
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
  files: ["nginx.conf", "narrowgate.js"],
  program: "nginx",
  needs: ["/usr/lib/nginx/modules/ngx_http_js_module.so"],
  substitutions: (place) => [
    [`/v1/tools/filter;\n${TLS}`, "/v1/tools/filter;\n"],
    ...shared(place),
    ["load_module modules/", `load_module ${place.root}/usr/lib/nginx/modules/`],
    ["/etc/nginx/narrowgate.js", `${place.directory}/narrowgate.js`],
  ],
  printed: (place) => [...alone(place), ["load_module modules/", `load_module ${place.root}/usr/lib/nginx/modules/`]],
  others: keyFile,
  args,
  environment: ({ root }) => libraries(root),
  broken: ["async function authorize(r) {\n", 'async function authorize(r) {\n  throw new Error("broken")\n'],
  differs: REFUSED,
  carries: { body: true, decisionOfAllow: true, rateLimitOfAllow: false, unavailableAs: 403 },
}

function shared({ port, host, authorizer, upstream, directory }: Place): readonly Substitution[] {
  return [
    ...ONE_PROCESS,
    [
      "    listen 443 ssl default_server;\n    ssl_reject_handshake on;\n",
      `    listen 127.0.0.1:${port} default_server;\n`,
    ],
    ["    listen 443 ssl;\n", `    listen 127.0.0.1:${port};\n`],
    ["    ssl_certificate     /etc/nginx/api.example.crt;\n    ssl_certificate_key /etc/nginx/api.example.key;\n", ""],
    ["server_name api.example;", `server_name ${host};`],
    [`/authz/forward;\n${TLS}`, "/authz/forward;\n"],
    [`$narrowgate_resource;\n${TLS}`, "$narrowgate_resource;\n"],
    ["proxy_pass https://narrowgate/", "proxy_pass http://narrowgate/"],
    ["server narrowgate.example:443;", `server ${authorizer};`],
    ["proxy_set_header Host narrowgate.example;", `proxy_set_header Host ${authorizer};`],
    ["/etc/nginx/narrowgate.key", `${directory}/narrowgate.key`],
    ["127.0.0.1:9000", upstream],
  ]
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

const TLS = `      proxy_ssl_server_name on;
      proxy_ssl_name narrowgate.example;
      proxy_ssl_verify on;
      proxy_ssl_verify_depth 3;
      proxy_ssl_trusted_certificate /etc/ssl/certs/ca-certificates.crt;
`

function keyFile({ key }: Place): Readonly<Record<string, string>> {
  return { "narrowgate.key": `set $narrowgate_key "${key}";\n` }
}

function args({ directory }: Place): readonly string[] {
  return ["-e", `${directory}/error.log`, "-p", directory, "-c", "nginx.conf"]
}
