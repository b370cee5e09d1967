import { libraries } from "../installed.ts"
import type { Row } from "../row.ts"

export const haproxy: Row = {
  name: "haproxy",
  page: "haproxy.md",
  files: ["haproxy.cfg", "narrowgate.lua"],
  program: "haproxy",
  substitutions: ({ port, host, authorizer, upstream, directory }) => [
    ["  user haproxy\n  group haproxy\n", ""],
    [" user haproxy mode 600", " mode 600"],
    ["/run/haproxy/", `${directory}/`],
    ["/etc/haproxy/narrowgate.lua", `${directory}/narrowgate.lua`],
    ["bind :443 ssl crt /etc/haproxy/api.example.pem strict-sni", `bind 127.0.0.1:${port}`],
    ["-m str api.example", `-m str ${host}`],
    ["set-header Host narrowgate.example", `set-header Host ${authorizer}`],
    [AUTHORIZER, `server narrowgate ${authorizer}`],
    ["server crm 127.0.0.1:9000", `server crm ${upstream}`],
  ],
  args: ({ directory }) => ["-db", "-f", `${directory}/haproxy.cfg`],
  environment: ({ root, key }) => ({ ...libraries(root), NARROWGATE_KEY: key }),
}

const AUTHORIZER =
  "server narrowgate narrowgate.example:443 ssl verify required verifyhost narrowgate.example ca-file @system-ca" +
  " sni str(narrowgate.example)"
