import { libraries, MACHINE } from "../installed.ts"
import type { Row } from "../row.ts"

export const apache: Row = {
  name: "apache",
  page: "apache.md",
  files: ["httpd.conf", "narrowgate.lua"],
  program: "apache2",
  needs: ["/usr/lib/apache2/modules/mod_lua.so", "/usr/share/lua/5.3/socket.lua", "/usr/share/lua/5.3/ssl.lua"],
  substitutions: ({ port, host, authorizer, upstream, directory, root }) => [
    ["ServerRoot /etc/apache2\n", `ServerRoot ${directory}\n`],
    ["/run/apache2", directory],
    ["/var/log/apache2/", `${directory}/`],
    ["/usr/lib/apache2/modules", `${root}/usr/lib/apache2/modules`],
    ["SSLCertificateFile /etc/apache2/api.example.crt\nSSLCertificateKeyFile /etc/apache2/api.example.key\n", ""],
    ["  SSLEngine on\n", ""],
    ["Listen 443\n", `Listen 127.0.0.1:${port}\n`],
    ["<VirtualHost *:443>", `<VirtualHost *:${port}>`],
    ["ServerName api.example\n", `ServerName ${host}\n`],
    ["/etc/apache2/narrowgate.lua", `${directory}/narrowgate.lua`],
    ['"http://127.0.0.1:9000/"', `"http://${upstream}/"`],
    ['"https://narrowgate.example/authz/forward"', `"http://${authorizer}/authz/forward"`],
    ["create = dial, ", ""],
    ["/etc/ssl/certs/ca-certificates.crt", "unused"],
  ],
  args: ({ directory }) => ["-d", directory, "-f", `${directory}/httpd.conf`, "-DFOREGROUND"],
  environment: ({ root, key }) => ({
    ...libraries(root),
    NARROWGATE_KEY: key,
    LUA_PATH_5_3: `${root}/usr/share/lua/5.3/?.lua;;`,
    LUA_CPATH_5_3: `${root}/usr/lib/${MACHINE}-linux-gnu/lua/5.3/?.so;;`,
  }),
}
