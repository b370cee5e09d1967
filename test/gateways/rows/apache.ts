import { libraries, MACHINE } from "../installed.ts"
import type { Row } from "../row.ts"

export const apache: Row = {
  name: "apache",
  page: "apache.md",
  program: "apache2",
  needs: ["/usr/lib/apache2/modules/mod_lua.so", "/usr/share/lua/5.3/socket.lua", "/usr/share/lua/5.3/ssl.lua"],
  printed: ({ port, directory, root }) => [
    ["/run/apache2", directory],
    ["/var/log/apache2/", `${directory}/`],
    ["/usr/lib/apache2/modules", `${root}/usr/lib/apache2/modules`],
    [`Listen ${port}\n`, `Listen 127.0.0.1:${port}\n`],
  ],
  environment: ({ root, key }) => ({
    ...libraries(root),
    NARROWGATE_KEY: key,
    LUA_PATH_5_3: `${root}/usr/share/lua/5.3/?.lua;;`,
    LUA_CPATH_5_3: `${root}/usr/lib/${MACHINE}-linux-gnu/lua/5.3/?.so;;`,
  }),
  broken: ["function authorize(r)\n", 'function authorize(r)\n  error("broken")\n'],
  differs: {
    // Refused by Apache itself, before it asks.
    "another host": "403",
    "another host in the target": "403",
    "our host in the target": "400",
    "our host in the target, another in Host": "400",
    "dot segments above the root": "400",
    "dot segments out of the authorizer's path": "400",
    "a doubled slash in front": "400",
    "an encoded slash": "404",
    "an encoded zero": "404",
    "an escape that is none": "400",
    "half an escape": "400",
    "a fragment": "400",
    "a control byte": "400",
    "a target without a path": "400",
    // Apache asks about these.
    "a method in small letters": "400 malformed_call",
    "a length and chunks": "400 malformed_call",
    // No body goes with the question, so none is too long.
    "a body of 1 MiB and a byte": "allowed",
    "a body of 1 MiB and a byte, in chunks": "allowed",
    "hangs up": "503",
    "says nothing": "503",
    "is gone": "503",
  },
  carries: { body: true, decisionOfAllow: true, rateLimitOfAllow: false, unavailableAs: 503 },
}
