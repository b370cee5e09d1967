/** A certificate that is signed by itself, for 127.0.0.1 and localhost: made here, so that the tests need no program beside Node. */
import { generateKeyPairSync, sign } from "node:crypto"

/** DER (X.690 8.1): tag, length, content. */
function der(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts)
  const { length } = content
  const size = length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.from([tag, ...size]), content])
}

const [INTEGER, BITS, OCTETS, OID, UTF8, SEQUENCE, SET, UTC_TIME] = [0x02, 0x03, 0x04, 0x06, 0x0c, 0x30, 0x31, 0x17]

export function selfSigned(): { readonly key: string; readonly cert: string } {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" })
  const ecdsaWithSha256 = der(SEQUENCE, der(OID, Buffer.from("2a8648ce3d040302", "hex")))
  const commonName = der(SEQUENCE, der(OID, Buffer.from("550403", "hex")), der(UTF8, Buffer.from("test")))
  const name = der(SEQUENCE, der(SET, commonName))
  const validity = der(
    SEQUENCE,
    der(UTC_TIME, Buffer.from("200101000000Z")),
    der(UTC_TIME, Buffer.from("491231235959Z")),
  )
  const names = [der(0x87, Buffer.from([127, 0, 0, 1])), der(0x82, Buffer.from("localhost"))]
  const hosts = der(OCTETS, der(SEQUENCE, ...names))
  const extensions = der(0xa3, der(SEQUENCE, der(SEQUENCE, der(OID, Buffer.from("551d11", "hex")), hosts)))
  // RFC 5280 4.1: version 3, serial number, algorithm, issuer, validity, subject, key, extensions.
  const signed = der(
    SEQUENCE,
    der(0xa0, der(INTEGER, Buffer.from([2]))),
    der(INTEGER, Buffer.from([1])),
    ecdsaWithSha256,
    name,
    validity,
    name,
    publicKey.export({ type: "spki", format: "der" }),
    extensions,
  )
  const signature = der(BITS, Buffer.from([0]), sign("sha256", signed, privateKey))
  const base64 = der(SEQUENCE, signed, ecdsaWithSha256, signature).toString("base64")
  return {
    key: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    cert: `-----BEGIN CERTIFICATE-----\n${base64.replaceAll(/.{64}/gu, "$&\n")}\n-----END CERTIFICATE-----\n`,
  }
}
