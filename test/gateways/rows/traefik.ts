import type { Row } from "../row.ts"

export const traefik: Row = {
  name: "traefik",
  page: "traefik.md",
  files: ["traefik.yaml", "dynamic.yaml"],
  program: "traefik",
  substitutions: ({ port, host, authorizer, upstream, key, directory }) => [
    ['address: ":443"', `address: "127.0.0.1:${port}"`],
    ["/etc/traefik/dynamic.yaml", `${directory}/dynamic.yaml`],
    ["KEY_OF_THIS_GATEWAY", key],
    ["address: https://narrowgate.example/", `address: http://${authorizer}/`],
    ["Host(`api.example`)", `Host(\`${host}\`)`],
    ["      tls: {}\n", ""],
    [TLS, ""],
    ["http://127.0.0.1:9000", `http://${upstream}`],
  ],
  args: ({ directory }) => [`--configFile=${directory}/traefik.yaml`],
  // Until it has read the file with the routes.
  unready: "404 page not found\n",
}

const TLS = `
tls:
  certificates:
    - certFile: /etc/traefik/api.example.crt
      keyFile: /etc/traefik/api.example.key
  options:
    default:
      # Another name in SNI is not ours.
      sniStrict: true
`
