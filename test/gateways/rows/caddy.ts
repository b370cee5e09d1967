import type { Row } from "../row.ts"

export const caddy: Row = {
  name: "caddy",
  page: "caddy.md",
  files: ["Caddyfile"],
  program: "caddy",
  substitutions: ({ port, host, authorizer, upstream }) => [
    ["# Another name in SNI,", "{\n\tadmin off\n\tauto_https off\n}\n\n# Another name in SNI,"],
    ["\n:443 {\n", `\nhttp://:${port} {\n`],
    ["\napi.example {\n", `\nhttp://${host}:${port} {\n`],
    ["\ttls /etc/caddy/api.example.crt /etc/caddy/api.example.key\n", "\tbind 127.0.0.1\n"],
    ["forward_auth https://narrowgate.example {", `forward_auth http://${authorizer} {`],
    ["header_up Host narrowgate.example", `header_up Host ${authorizer}`],
    ["reverse_proxy 127.0.0.1:9000 {", `reverse_proxy ${upstream} {`],
  ],
  args: ({ directory }) => ["run", "--config", `${directory}/Caddyfile`, "--adapter", "caddyfile"],
  environment: ({ directory, key }) => ({
    NARROWGATE_KEY: key,
    ...{ HOME: directory, XDG_DATA_HOME: directory, XDG_CONFIG_HOME: directory },
  }),
}
