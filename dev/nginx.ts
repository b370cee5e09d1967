/**
 * A real nginx with `auth_request` in front of the upstreams, for the tests of that dialect. The configuration is the
 * one in the documentation, plus what confines it to a directory of its own.
 */
import { spawn } from "node:child_process"
import { accessSync, constants, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { delimiter, join } from "node:path"
import type { GatewayRoute } from "./gateway.ts"
import { type Listening, accepting, endWithUs, freePort, stop } from "./loopback.ts"

/** Debian installs nginx outside an ordinary user's PATH. */
const PLACES = ["/usr/sbin", "/usr/local/sbin", "/opt/homebrew/bin"]

export interface NginxOptions {
  /** 0: a free port. */
  readonly port: number
  /** Its id in gateways.yaml; absent: it serves no metadata of what is behind it. */
  readonly id?: string
  readonly authorizer: { readonly origin: string; readonly key: string }
  readonly routes: readonly GatewayRoute[]
}

/** The binary, or null if none is installed: tests then skip. */
export function nginxPath(): string | null {
  const places = [...(process.env["PATH"] ?? "").split(delimiter), ...PLACES].filter((place) => place !== "")
  return places.map((place) => join(place, "nginx")).find(executable) ?? null
}

export async function startNginx(options: NginxOptions): Promise<Listening> {
  const path = nginxPath()
  if (path === null) throw new Error("nginx is not installed")
  const port = options.port === 0 ? await freePort() : options.port
  const configuration = nginxConfiguration({ ...options, port })
  // Contains the gateway's key, so only the owner may read it; mkdtemp ensures that.
  const directory = mkdtempSync(join(tmpdir(), "narrowgate-nginx-"))
  writeFileSync(join(directory, "nginx.conf"), configuration)
  const log = join(directory, "error.log")
  const child = spawn(path, ["-e", log, "-p", directory, "-c", "nginx.conf"], { stdio: "ignore" })
  endWithUs(child)
  const close = async (): Promise<void> => {
    await stop(child)
    rmSync(directory, { recursive: true, force: true })
  }
  try {
    await accepting(child, port, () => readFileSync(log, "utf8"))
  } catch (error) {
    await close()
    throw error
  }
  return { origin: `http://127.0.0.1:${port}`, close }
}

/** What an allow states, in `X-Narrowgate-*`, and what a denial does. */
const IDENTITY = ["Agent", "User", "Task", "Purpose", "Tool", "Decision"]
const DENIAL = ["Code", "Status"]

/** The complete file; relative paths in it are below the prefix that `-p` sets. */
function nginxConfiguration({ port, id, authorizer, routes }: NginxOptions): string {
  const answers = [...IDENTITY, ...DENIAL]
  return `# One process, as the invoking user: no privileges to drop, one pid to end.
daemon off;
master_process off;
pid nginx.pid;
events {}

http {
  access_log off;
  server_tokens off;
  client_body_temp_path body;
  proxy_temp_path proxy;
  fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi;
  scgi_temp_path scgi;

  server {
    listen 127.0.0.1:${port};
    client_max_body_size 1m;

    # The defaults, on which it depends that X_Narrowgate_Agent and X.Narrowgate.Agent are dropped.
    underscores_in_headers off;
    ignore_invalid_headers on;
    # Dot segments and doubled slashes reach the authorizer as sent, which refuses them.
    merge_slashes off;

    # At the server, not at a location: a location that is added later is guarded too.
    auth_request /_narrowgate;
${answers.map((name) => `    auth_request_set ${variable(name)} $upstream_http_x_narrowgate_${name.toLowerCase()};`).join("\n")}
    auth_request_set $narrowgate_challenge $upstream_http_www_authenticate;
    auth_request_set $narrowgate_nonce $upstream_http_dpop_nonce;
    auth_request_set $narrowgate_transaction $upstream_http_txn_token;

    # To the upstream: who calls, from the authorizer alone (an empty value erases), and never the delegation token.
${IDENTITY.map((name) => `    proxy_set_header X-Narrowgate-${name} ${variable(name)};`).join("\n")}
${[...DENIAL, "Key"].map((name) => `    proxy_set_header X-Narrowgate-${name} "";`).join("\n")}
    proxy_set_header Txn-Token $narrowgate_transaction;
    proxy_set_header Authorization "";
    proxy_set_header DPoP "";
    proxy_set_header X-Request-Id $request_id;
    proxy_set_header Host $proxy_host;
    proxy_set_header Connection "";
    proxy_http_version 1.1;
    # A retry would be a second call for one decision.
    proxy_next_upstream off;
    # Event streams: each event at once, and silence for up to an hour.
    proxy_buffering off;
    proxy_read_timeout 1h;

    # To the client: which decision, and why not. An upstream states neither.
${answers.map((name) => `    proxy_hide_header X-Narrowgate-${name};`).join("\n")}
${["Decision", ...DENIAL].map((name) => `    add_header X-Narrowgate-${name} ${variable(name)} always;`).join("\n")}
    proxy_hide_header Txn-Token;
    # Without it no client with a bound token gets past a ledger that has slept.
    proxy_hide_header DPoP-Nonce;
    add_header DPoP-Nonce $narrowgate_nonce always;
    # A client would send its user where an upstream's challenge says.
    proxy_hide_header WWW-Authenticate;

    # nginx relays the challenge of a 401 by itself, that of a 403 (insufficient_scope) not.
    error_page 403 @denied;
    location @denied {
      internal;
      auth_request off;
      default_type application/json;
${["Decision", ...DENIAL].map((name) => `      add_header X-Narrowgate-${name} ${variable(name)} always;`).join("\n")}
      add_header WWW-Authenticate $narrowgate_challenge always;
      return 403 '{"error":"refused_by_gateway","status":403}\\n';
    }

    location = /_narrowgate {
      internal;
      auth_request off;
      proxy_pass ${plain(authorizer.origin)}/authz/forward;
      proxy_method GET;
      proxy_pass_request_body off;
      # Without this a POST hangs: its length is announced, its body is not sent.
      proxy_set_header Content-Length "";
      proxy_set_header Host $proxy_host;
      proxy_set_header Connection "";
      proxy_http_version 1.1;
      proxy_set_header X-Original-Method $request_method;
      proxy_set_header X-Original-URI $request_uri;
      proxy_set_header X-Request-Id $request_id;
      proxy_set_header X-Narrowgate-Key ${plain(authorizer.key)};
${answers.map((name) => `      proxy_set_header X-Narrowgate-${name} "";`).join("\n")}
      proxy_next_upstream off;
      proxy_connect_timeout 2s;
      proxy_read_timeout 5s;
    }

${id === undefined ? "" : metadata(id, authorizer.origin)}
${routes.map(location).join("\n")}
${routes.some(({ prefix }) => prefix === "") ? "" : "    location / { return 404; }"}
  }
}
`
}

function location({ prefix, upstream }: GatewayRoute): string {
  const url = plain(upstream).replace(/\/$/, "")
  const exact =
    prefix === ""
      ? ""
      : `    location = ${plain(prefix)} { proxy_pass ${url}${new URL(upstream).pathname === "/" ? "/" : ""}; }\n`
  return `${exact}    location ^~ ${plain(`${prefix}/`)} { proxy_pass ${url}/; }`
}

/** Where clients look before they have a token (RFC 9728): without a decision, and with nothing of the client's. */
function metadata(id: string, narrowgate: string): string {
  return `    location ~ ^/\\.well-known/oauth-protected-resource(?<narrowgate_resource>(?:/[\\w~-][\\w.~-]*)*)$ {
      auth_request off;
      limit_except GET { deny all; }
      proxy_pass ${plain(narrowgate)}/.well-known/oauth-protected-resource/${plain(id)}$narrowgate_resource;
      proxy_pass_request_headers off;
      proxy_pass_request_body off;
      proxy_set_header Content-Length "";
      proxy_set_header Host ${plain(new URL(narrowgate).host)};
      proxy_set_header Connection "";
      proxy_http_version 1.1;
    }
`
}

function variable(name: string): string {
  return `$narrowgate_${name.toLowerCase()}`
}

/** A value with a semicolon or a quote would be a directive. */
function plain(value: string): string {
  if (!/^[A-Za-z0-9:/._-]+$/.test(value)) throw new Error(`not to be put into nginx.conf: ${value}`)
  return value
}

function executable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
