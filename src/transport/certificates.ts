/**
 * The cluster's own small authority: makes its key, signs the nodes' keys, and says in each certificate who the node is
 * (`identity.ts`). EC P-256 throughout. The X.509 library is heavy, so it is loaded when a certificate is really made:
 * at the first start of a cluster and at a join, never at a plain start.
 */
import { createHash } from "node:crypto"
import { assert } from "../base/assert.ts"
import { OvlError } from "../base/errors.ts"
import { AUTHORITY_DAYS, CERTIFICATE_BACKDATE_MS, UNAUTHENTICATED_FRAME_MAX_BYTES } from "../base/limits.ts"
import type { Role } from "../model/node.ts"
import { NAME_PATTERN } from "../model/names.ts"
import { identityUri, NODE_ID_PATTERN } from "./identity.ts"

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" }
const DAY_MS = 86_400_000

/** The authority's certificate and private key, as PEM. The key signs nodes into the cluster and stays on servers. */
export interface Authority {
  certPem: string
  keyPem: string
}

export interface CertificateSubject {
  nodeId: string
  name: string
  role: Role
  /** How long it is valid from now. */
  days: number
}

/** A new authority, valid for AUTHORITY_DAYS. Its name is random, so that two clusters' authorities are told apart. */
export async function createAuthority(): Promise<Authority> {
  const x509 = await loadX509()
  const keys = await newKeys()
  const cert = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: randomSerial(),
    name: [{ CN: [`ovl authority ${randomSerial().slice(2, 14)}`] }],
    ...validity(AUTHORITY_DAYS),
    signingAlgorithm: ALGORITHM,
    keys,
    extensions: [
      // Path length 0: no node can be an authority below it.
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  })
  return { certPem: pem("CERTIFICATE", cert.rawData), keyPem: await privateKeyPem(keys) }
}

/** A node's new key, and the request that brings its public half to the authority. The key stays on the node. */
export async function createKeyAndRequest(node: { nodeId: string; name: string }): Promise<{
  keyPem: string
  csrPem: string
}> {
  assert(NODE_ID_PATTERN.test(node.nodeId) && NAME_PATTERN.test(node.name), "a node's id and name are well formed")
  const x509 = await loadX509()
  const keys = await newKeys()
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    name: [{ CN: [node.name] }],
    keys,
    signingAlgorithm: ALGORITHM,
  })
  return { keyPem: await privateKeyPem(keys), csrPem: pem("CERTIFICATE REQUEST", request.rawData) }
}

/**
 * Signs the key in a request into a certificate for `subject`. The request brings nothing but its public key: who the
 * node is, the server decides. Throws `request_invalid` (kind invalid) when it is no request, when it is not signed
 * with its own key - the proof that whoever sends it holds that key - or when the key is not EC P-256.
 */
export async function signRequest(authority: Authority, csrPem: string, subject: CertificateSubject): Promise<string> {
  assert(NODE_ID_PATTERN.test(subject.nodeId) && NAME_PATTERN.test(subject.name), "an identity is well formed")
  const x509 = await loadX509()
  const publicKey = await keyOfRequest(csrPem)
  const issuer = new x509.X509Certificate(derOf("CERTIFICATE", authority.certPem))
  const signingKey = await importPrivateKey(authority.keyPem)
  const usage = x509.ExtendedKeyUsage
  const cert = await x509.X509CertificateGenerator.create({
    serialNumber: randomSerial(),
    subject: [{ CN: [subject.name] }],
    issuer: issuer.subjectName.toJSON(),
    ...validity(subject.days),
    signingAlgorithm: ALGORITHM,
    signingKey,
    publicKey,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      // A client's certificate is of no use to pose as a server, to any TLS library.
      new x509.ExtendedKeyUsageExtension(
        subject.role === "server" ? [usage.serverAuth, usage.clientAuth] : [usage.clientAuth],
      ),
      new x509.SubjectAlternativeNameExtension([{ type: "url", value: identityUri(subject.nodeId, subject.role) }]),
      await x509.AuthorityKeyIdentifierExtension.create(issuer.publicKey),
      await x509.SubjectKeyIdentifierExtension.create(publicKey),
    ],
  })
  return pem("CERTIFICATE", cert.rawData)
}

/** SHA-256 of a certificate (its DER form), as 64 hexadecimal digits. */
export function fingerprint(certPem: string): string {
  return createHash("sha256").update(derOf("CERTIFICATE", certPem)).digest("hex")
}

async function keyOfRequest(csrPem: string): Promise<CryptoKey> {
  const x509 = await loadX509()
  if (csrPem.length > UNAUTHENTICATED_FRAME_MAX_BYTES) throw requestInvalid("it is too long")
  try {
    const request = new x509.Pkcs10CertificateRequest(derOf("CERTIFICATE REQUEST", csrPem))
    // Importing with our algorithm fails for a key of any other.
    const key = await request.publicKey.export({ name: "ECDSA", namedCurve: "P-256" }, ["verify"])
    if (await request.verify()) return key
  } catch (cause) {
    throw requestInvalid("it cannot be read, or its key is not EC P-256", cause)
  }
  throw requestInvalid("it is not signed with its own key")
}

function requestInvalid(why: string, cause?: unknown): OvlError {
  return new OvlError("request_invalid", `certificate request: ${why}`, {
    kind: "invalid",
    hint: "requests are made by ovl join; do both sides run the same version?",
    cause,
  })
}

/** The library registers its parts through decorators, which need reflect-metadata before it. */
async function loadX509() {
  await import("reflect-metadata")
  return await import("@peculiar/x509")
}

async function newKeys(): Promise<CryptoKeyPair> {
  return (await crypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"])) as CryptoKeyPair
}

async function privateKeyPem(keys: CryptoKeyPair): Promise<string> {
  return pem("PRIVATE KEY", await crypto.subtle.exportKey("pkcs8", keys.privateKey))
}

async function importPrivateKey(keyPem: string): Promise<CryptoKey> {
  return await crypto.subtle.importKey("pkcs8", derOf("PRIVATE KEY", keyPem), ALGORITHM, false, ["sign"])
}

/** A clock that is a little behind must not take a fresh certificate for one of the future. */
function validity(days: number): { notBefore: Date; notAfter: Date } {
  const now = Date.now()
  return { notBefore: new Date(now - CERTIFICATE_BACKDATE_MS), notAfter: new Date(now + days * DAY_MS) }
}

/** RFC 5280 4.1.2.2: positive, at most 20 octets; 0x01 in front keeps it so. */
function randomSerial(): string {
  return `01${Buffer.from(crypto.getRandomValues(new Uint8Array(15))).toString("hex")}`
}

function pem(label: string, der: ArrayBuffer): string {
  const lines =
    Buffer.from(der)
      .toString("base64")
      .match(/.{1,64}/g) ?? []
  return `-----BEGIN ${label}-----\n${lines.join("\n")}\n-----END ${label}-----\n`
}

/** The first block of that label. */
function derOf(label: string, text: string): Uint8Array<ArrayBuffer> {
  const [, base64] = new RegExp(`-----BEGIN ${label}-----([A-Za-z0-9+/=\\s]+)-----END ${label}-----`).exec(text) ?? []
  if (base64 === undefined) throw new TypeError(`there is no ${label} in the text`)
  return new Uint8Array(Buffer.from(base64, "base64"))
}
