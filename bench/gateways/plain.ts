/**
 * Each gateway without authorization: a reverse proxy and nothing else, made of what its page needs to run at all. By
 * the names of test/gateways/table.ts.
 */
import { parse, stringify } from "yaml"
import { z } from "zod"

export interface Between {
  readonly port: number
  /** `127.0.0.1:PORT`. */
  readonly upstream: string
}

/** @param text of the file as it would run with authorization */
type Plain = (text: string, between: Between, file: string) => string

export const PLAIN: Readonly<Record<string, Plain>> = {
  nginx,
  "nginx-njs": nginx,
  caddy: (_text, { port, upstream }) => `{
	auto_https off
	admin off
}

http://127.0.0.1:${port} {
	reverse_proxy ${upstream}
}
`,
  haproxy: (_text, { port, upstream }, file) =>
    file === "haproxy.cfg"
      ? `global
  maxconn 256

defaults
  mode http
  timeout connect 2s
  timeout client 1h
  timeout server 1h

frontend agents
  bind 127.0.0.1:${port}
  default_backend crm

backend crm
  server crm ${upstream}
`
      : "",
  apache: (text, { port, upstream }, file) =>
    file === "httpd.conf"
      ? `${text
          .split("\n")
          .filter((line) => KEPT_OF_APACHE.test(line))
          .join("\n")}
<VirtualHost *:${port}>
  ProxyPass "/" "http://${upstream}/" retry=0
</VirtualHost>
`
      : "",
  envoy: (text) => envoy(text),
  traefik: (text, { upstream }, file) =>
    file === "traefik.yaml"
      ? traefik(text)
      : stringify({
          http: {
            routers: { crm: { rule: "PathPrefix(`/`)", entryPoints: ["websecure"], service: "crm" } },
            services: { crm: { loadBalancer: { servers: [{ url: `http://${upstream}` }] } } },
          },
        }),
}

function nginx(_text: string, { port, upstream }: Between): string {
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((name) => `  ${name}_temp_path ${name};`)
  return `daemon off;
master_process off;
pid nginx.pid;
events {}

http {
  access_log off;
${temporary.join("\n")}
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://${upstream};
      proxy_http_version 1.1;
      proxy_set_header Connection "";
    }
  }
}
`
}

const KEPT_OF_APACHE =
  /^(?:ServerRoot|ServerName|PidFile|DefaultRuntimeDir|ErrorLog|Define|LoadModule|User|Group|Listen|<IfModule|<\/IfModule)\b/

const filters = z.array(z.looseObject({ name: z.string() }))

/** The page's own, without the filters before the router. */
function envoy(text: string): string {
  const everything: unknown = parse(text, (key, value: unknown) =>
    key === "http_filters" ? filters.parse(value).filter(({ name }) => name.endsWith(".router")) : value,
  )
  return stringify(everything)
}

/** The page's own, without middlewares. */
function traefik(text: string): string {
  const everything: unknown = parse(text, (key, value: unknown) => (key === "middlewares" ? [] : value))
  return stringify(everything)
}
