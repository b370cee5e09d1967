import type { Row } from "../row.ts"

export const envoy: Row = {
  name: "envoy",
  page: "envoy.md",
  files: ["envoy.yaml"],
  program: "envoy",
  substitutions: ({ port, innerPort, host, authorizer, upstream, key }) => [
    [LISTENER_TLS, "        - filters:"],
    [CLUSTER_TLS, ""],
    ["address: 0.0.0.0, port_value: 443 }", `address: 127.0.0.1, port_value: ${port} }`],
    ["port_value: 10081 }", `port_value: ${innerPort} }`],
    ['domains: [api.example, "api.example:443"]', `domains: [${host}, "${host}:${port}"]`],
    ["KEY_OF_THIS_GATEWAY", key],
    ["type: STRICT_DNS", "type: STATIC"],
    ["address: narrowgate.example, port_value: 443 }", socketAddress(authorizer)],
    ["host_rewrite_literal: narrowgate.example", `host_rewrite_literal: "${authorizer}"`],
    ["address: 127.0.0.1, port_value: 9000 }", socketAddress(upstream)],
  ],
  args: ({ directory }) => [
    ...["-c", `${directory}/envoy.yaml`, "--concurrency", "1"],
    ...["-l", "warning", "--disable-hot-restart"],
  ],
}

function socketAddress(place: string): string {
  const { hostname, port } = new URL(`http://${place}`)
  return `address: ${hostname}, port_value: ${port} }`
}

const LISTENER_TLS = `        - transport_socket:
            name: envoy.transport_sockets.tls
            typed_config:
              "@type": type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext
              common_tls_context:
                tls_certificates:
                  - certificate_chain: { filename: /etc/envoy/api.example.crt }
                    private_key: { filename: /etc/envoy/api.example.key }
          filters:`

const CLUSTER_TLS = `      transport_socket:
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
`
