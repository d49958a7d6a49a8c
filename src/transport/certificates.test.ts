import { beforeAll, describe, expect, test } from "bun:test"
import { X509Certificate } from "node:crypto"
import type { OvlError } from "../base/errors.ts"
import { type Authority, createAuthority, createKeyAndRequest, fingerprint, signRequest } from "./certificates.ts"
import { identityOf } from "./identity.ts"

const NODE = { nodeId: "a".repeat(64), name: "swarm-02" }
let authority: Authority

beforeAll(async () => {
  authority = await createAuthority()
})

describe("certificates", () => {
  test("the authority signs itself, is an authority, and no two have the same name", async () => {
    const cert = new X509Certificate(authority.certPem)
    expect(cert.ca).toBe(true)
    expect(cert.verify(cert.publicKey)).toBe(true)
    expect(cert.publicKey.asymmetricKeyDetails?.namedCurve).toBe("prime256v1")
    expect(new X509Certificate((await createAuthority()).certPem).subject).not.toBe(cert.subject)
  })

  test("a request is signed into a certificate that says who the node is: what the server says", async () => {
    const { csrPem, keyPem } = await createKeyAndRequest({ nodeId: "other", name: "other" })
    const pem = await signRequest(authority, csrPem, { ...NODE, role: "client", days: 90 })
    const cert = new X509Certificate(pem)
    const issuer = new X509Certificate(authority.certPem)
    expect(cert.checkIssued(issuer) && cert.verify(issuer.publicKey)).toBe(true)
    expect(cert.subject).toBe("CN=swarm-02")
    expect(cert.subjectAltName).toBe(`URI:ovl://node/${NODE.nodeId}?role=client`)
    expect(cert.ca).toBe(false)
    expect(keyPem).toContain("BEGIN PRIVATE KEY")
    const days = (cert.validToDate.getTime() - Date.now()) / 86_400_000
    expect(Math.round(days)).toBe(90)
    expect(cert.validFromDate.getTime()).toBeLessThan(Date.now() - 60_000)
  })

  test("the fingerprint is that of the DER form, however the PEM is laid out", () => {
    const expected = new X509Certificate(authority.certPem).fingerprint256.replaceAll(":", "").toLowerCase()
    expect(fingerprint(authority.certPem)).toBe(expected)
    expect(fingerprint(`text before\n${authority.certPem.replaceAll("\n", "\r\n")}`)).toBe(expected)
  })

  test("a request that was tampered with, or is none, is refused", async () => {
    const { csrPem } = await createKeyAndRequest(NODE)
    const other = await createKeyAndRequest({ nodeId: "b", name: "swarm-99" })
    const refused = async (csr: string) =>
      signRequest(authority, csr, { ...NODE, role: "client", days: 1 }).catch((thrown) => (thrown as OvlError).code)
    expect(await refused("")).toBe("request_invalid")
    expect(await refused(authority.certPem)).toBe("request_invalid")
    expect(await refused(csrPem.replace(/\n.{64}\n/, `\n${"A".repeat(64)}\n`))).toBe("request_invalid")
    expect(await refused("x".repeat(100_000))).toBe("request_invalid")
    expect(await refused(withSignatureOf(csrPem, other.csrPem))).toBe("request_invalid")
    expect(await refused(await rsaRequest())).toBe("request_invalid")
  })
})

describe("identity", () => {
  const shown = (subjectaltname: string, name: string | string[] = "swarm-02") => ({
    subject: { CN: name },
    subjectaltname,
  })

  test("is read off what the TLS socket shows", () => {
    const nodeId = "a".repeat(64)
    expect(identityOf(shown(`URI:ovl://node/${nodeId}?role=server`))).toEqual({
      nodeId,
      name: "swarm-02",
      role: "server",
    })
  })

  test("a certificate that is not one of ours has none", () => {
    const none = [
      {},
      shown(""),
      shown("DNS:swarm-02"),
      shown("URI:ovl://node/52?role=admin"),
      shown("URI:ovl://node/?role=server"),
      shown("URI:ovl://node/52?role=server, DNS:x"),
      shown("DNS:x, URI:ovl://node/52?role=server"),
      shown(`URI:ovl://node/${"a".repeat(65)}?role=server`),
      shown("URI:ovl://node/52?role=server", ["a", "b"]),
      shown("URI:ovl://node/52?role=server", "a b"),
    ]
    expect(none.map(identityOf)).toEqual(none.map(() => null))
  })
})

/** The first request with the signature bytes, its last, of the second: well formed, and a lie. */
function withSignatureOf(csrPem: string, otherPem: string): string {
  const der = (pem: string) => Buffer.from(pem.replace(/-----.*-----/g, ""), "base64")
  const [one, other] = [der(csrPem), der(otherPem)]
  // The last 16 bytes are inside the signature's second number, whatever the exact lengths are.
  const forged = Buffer.concat([one.subarray(0, -16), other.subarray(-16)])
  return `-----BEGIN CERTIFICATE REQUEST-----\n${forged.toString("base64")}\n-----END CERTIFICATE REQUEST-----\n`
}

async function rsaRequest(): Promise<string> {
  const x509 = await import("@peculiar/x509")
  const algorithm = {
    name: "RSASSA-PKCS1-v1_5",
    hash: "SHA-256",
    modulusLength: 2048,
    publicExponent: new Uint8Array([1, 0, 1]),
  }
  const keys = (await crypto.subtle.generateKey(algorithm, true, ["sign", "verify"])) as CryptoKeyPair
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    name: "CN=rsa",
    keys,
    signingAlgorithm: algorithm,
  })
  return request.toString("pem")
}
