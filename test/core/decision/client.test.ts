/** What guardrails hold a client against: an address that one reads in another way than we do is nobody's network. */
import { describe, expect, inject, test } from "vitest"
import { clientOf, networkOf } from "../../../src/core/decision/client.ts"

describe("the network of an address", () => {
  test.each([
    ["203.0.113.7", "203.0.113.0/24"],
    ["203.0.113.255", "203.0.113.0/24"],
    ["0.0.0.0", "0.0.0.0/24"],
    ["2001:db8:1:2::3", "2001:db8:1::/48"],
    ["2001:0DB8:0001:0:0:0:0:3", "2001:db8:1::/48"],
    ["2001:db8::", "2001:db8:0::/48"],
    ["::1", "0:0:0::/48"],
    // One client, whichever family the gateway listens in.
    ["::ffff:203.0.113.7", "203.0.113.0/24"],
    ["::FFFF:cb00:7107", "203.0.113.0/24"],
    // No mapped ones.
    ["::fffe:203.0.113.7", "0:0:0::/48"],
    ["1::ffff:203.0.113.7", "1:0:0::/48"],
  ])("%s is %s", (address, network) => {
    expect(networkOf(address)).toBe(network)
  })

  test.each([
    "",
    "localhost",
    "1.2.3",
    "1.2.3.4.5",
    "203.0.113.256",
    // Eight to some, ten to others.
    "203.0.113.010",
    "0203.0.113.7",
    "0xcb.0.113.7",
    "3405803783",
    "203.0.113.7:443",
    "203.0.113.7, 198.51.100.1",
    " 203.0.113.7",
    "203.0.113.7\n",
    "[2001:db8::1]",
    "fe80::1%eth0",
    "2001:db8::1::2",
    "2001:db8:1:2:3:4:5:6:7",
    "::ffff:203.0.113.256",
    "::1]/@evil.test",
  ])("%j has none", (address) => {
    expect(networkOf(address)).toBe("")
  })
})

describe("a gateway that asserts", () => {
  const [gateway] = inject("yard").gateways
  const told = (headers: Readonly<Record<string, string>>) => {
    if (!gateway) throw new Error("the yard has no gateway")
    return clientOf({ ...gateway, asserts: { country: "X-Country", client_ip: "X-Client" } }, new Headers(headers))
  }

  test("says in which country and network its client is", () => {
    const network = "203.0.113.0/24"
    expect(told({ "X-Country": "de", "X-Client": "203.0.113.7" })).toEqual({ country: "DE", network })
    expect(told({ "X-Country": "T1", "X-Client": "203.0.113.7" })).toEqual({ country: "T1", network })
  })

  test("but says what is none is not taken for one that asserts nothing", () => {
    expect(told({})).toEqual({ country: "", network: "" })
    for (const country of ["Germany", "1T", "d", "D-", "DE, FR"]) {
      expect(told({ "X-Country": country })).toEqual({ country: "", network: "" })
    }
  })

  test("is believed, and no other", () => {
    const headers = new Headers({ "X-Country": "DE", "X-Client": "203.0.113.7" })
    if (!gateway) throw new Error("the yard has no gateway")
    expect(clientOf(gateway, headers)).toEqual({ country: null, network: null })
    expect(clientOf({ ...gateway, asserts: { country: "X-Country" } }, headers)).toEqual({
      country: "DE",
      network: null,
    })
  })
})
