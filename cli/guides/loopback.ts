/**
 * What is different in a gateway's configuration if gateway, Narrowgate and clients are on one machine: no TLS, nothing
 * but loopback, the key in the file, no other user, and nothing of the system's own. All else is as the page shows it, so
 * that what is tried here is what protects there.
 */
import { KEY_PLACEHOLDER, type PageFile } from "./page.ts"

/** What stands in the page → what stands there on loopback. */
type Difference = readonly [from: string, to: string]

interface Loopback {
  readonly differences: readonly Difference[]
  /** Runs it in the foreground. @param directory the folder of its files */
  readonly command: (directory: string) => readonly [program: string, ...args: string[]]
}

const NGINX: Loopback = {
  differences: [
    ["worker_processes auto;\n", "daemon off;\nmaster_process off;\npid nginx.pid;\n"],
    ["  server_tokens off;\n", `  server_tokens off;\n  access_log off;\n${temporaryPaths()}`],
    [
      "    listen 443 ssl default_server;\n    ssl_reject_handshake on;\n",
      "    listen 127.0.0.1:443 default_server;\n",
    ],
    ["    listen 443 ssl;\n", "    listen 127.0.0.1:443;\n"],
    ["    ssl_certificate     /etc/nginx/api.example.crt;\n    ssl_certificate_key /etc/nginx/api.example.key;\n", ""],
    [
      [
        "      proxy_ssl_server_name on;",
        "      proxy_ssl_name narrowgate.example;",
        "      proxy_ssl_verify on;",
        "      proxy_ssl_verify_depth 3;",
        "      proxy_ssl_trusted_certificate /etc/ssl/certs/ca-certificates.crt;\n",
      ].join("\n"),
      "",
    ],
    ["proxy_pass https://narrowgate/", "proxy_pass http://narrowgate/"],
  ],
  command: (directory) => ["nginx", "-e", `${directory}/error.log`, "-p", directory, "-c", "nginx.conf"],
}

/** By name of the page. */
const LOOPBACK: Readonly<Record<string, Loopback>> = {
  apache: {
    differences: [
      ["Define MODULES /usr/lib/apache2/modules\n", ""],
      ["/run/apache2", "/etc/apache2"],
      ["/var/log/apache2/", "/etc/apache2/"],
      ["SSLCertificateFile /etc/apache2/api.example.crt\nSSLCertificateKeyFile /etc/apache2/api.example.key\n", ""],
      ["  SSLEngine on\n", ""],
      ["Listen 443\n", "Listen 127.0.0.1:443\n"],
      ["create = dial, ", ""],
      [', cafile = "/etc/ssl/certs/ca-certificates.crt"', ""],
      ['assert(os.getenv("NARROWGATE_KEY"))', `"${KEY_PLACEHOLDER}"`],
    ],
    command: (directory) => [
      "apache2",
      "-C",
      "Define MODULES /usr/lib/apache2/modules",
      "-d",
      directory,
      "-f",
      `${directory}/httpd.conf`,
      "-DFOREGROUND",
    ],
  },
  caddy: {
    differences: [
      ["# Another name in SNI,", "{\n\tadmin off\n\tauto_https off\n}\n\n# Another name in SNI,"],
      ["\n:443 {\n", "\nhttp://:443 {\n"],
      ["\napi.example {\n", "\nhttp://api.example:443 {\n"],
      ["\ttls /etc/caddy/api.example.crt /etc/caddy/api.example.key\n", "\tbind 127.0.0.1\n"],
      ["{$NARROWGATE_KEY}", KEY_PLACEHOLDER],
    ],
    command: (directory) => ["caddy", "run", "--config", `${directory}/Caddyfile`, "--adapter", "caddyfile"],
  },
  envoy: {
    differences: [
      [
        `        - transport_socket:
            name: envoy.transport_sockets.tls
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext
              common_tls_context:
                tls_certificates:
                  - certificate_chain: { filename: /etc/envoy/api.example.crt }
                    private_key: { filename: /etc/envoy/api.example.key }
          filters:`,
        "        - filters:",
      ],
      [
        `      transport_socket:
        name: envoy.transport_sockets.tls
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext
          sni: narrowgate.example
          common_tls_context:
            validation_context:
              trusted_ca: { filename: /etc/ssl/certs/ca-certificates.crt }
              match_typed_subject_alt_names:
                - san_type: DNS
                  matcher: { exact: narrowgate.example }
`,
        "",
      ],
      ["address: 0.0.0.0, port_value: 443 }", "address: 127.0.0.1, port_value: 443 }"],
    ],
    command: (directory) => [
      "envoy",
      "-c",
      `${directory}/envoy.yaml`,
      "--concurrency",
      "1",
      "-l",
      "warning",
      "--disable-hot-restart",
    ],
  },
  haproxy: {
    differences: [
      ["  user haproxy\n  group haproxy\n", ""],
      [" user haproxy mode 600", " mode 600"],
      ["/run/haproxy/", "/etc/haproxy/"],
      ["bind :443 ssl crt /etc/haproxy/api.example.pem strict-sni", "bind 127.0.0.1:443"],
      [" ssl verify required verifyhost narrowgate.example ca-file @system-ca sni str(narrowgate.example)", ""],
      ["${NARROWGATE_KEY}", KEY_PLACEHOLDER],
    ],
    command: (directory) => ["haproxy", "-db", "-f", `${directory}/haproxy.cfg`],
  },
  nginx: NGINX,
  "nginx-njs": {
    // Relative to the folder that `-p` names, it would not be found.
    differences: [["load_module modules/ngx_http_js_module.so;\n", ""], ...NGINX.differences],
    command: (directory) => [
      ...NGINX.command(directory),
      "-g",
      "load_module /usr/lib/nginx/modules/ngx_http_js_module.so;",
    ],
  },
  traefik: {
    differences: [
      ['address: ":443"', 'address: "127.0.0.1:443"'],
      ["      tls: {}\n", ""],
      [
        `
tls:
  certificates:
    - certFile: /etc/traefik/api.example.crt
      keyFile: /etc/traefik/api.example.key
  options:
    default:
      # Another name in SNI is not ours.
      sniStrict: true
`,
        "",
      ],
    ],
    command: (directory) => ["traefik", `--configFile=${directory}/traefik.yaml`],
  },
}

function temporaryPaths(): string {
  return ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((name) => `  ${name}_temp_path ${name};\n`).join("")
}

/** Undefined for a page of which nothing is known to run on one machine. */
export function loopbackCommand(page: string, directory: string): readonly [string, ...string[]] | undefined {
  return LOOPBACK[page]?.command(directory)
}

export function onLoopback(page: string, files: readonly PageFile[]): readonly PageFile[] {
  const { differences } = LOOPBACK[page] ?? { differences: [] }
  for (const [from] of differences) {
    // A page that has changed without this table would leave something of TLS.
    if (!files.some(({ text }) => text.includes(from))) throw new Error(`nowhere in ${page}.md: ${from}`)
  }
  return files.map(({ name, text }) => ({
    name,
    text: differences.reduce((changed, [from, to]) => changed.replaceAll(from, to), text),
  }))
}
