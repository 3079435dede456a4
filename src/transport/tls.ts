import { createSecureContext, type PeerCertificate, type SecureContext, type SecureContextOptions } from "node:tls";
import { type ChannelCredentials, ChannelCredentials as Credentials } from "@grpc/grpc-js";
import type { NodeId } from "../core/ruleset/ruleset.js";
import { notNode } from "../tls/identity.js";
import type { TlsMaterial } from "../tls/material.js";

/** Dialling somebody who must prove who it is; null where the network is trusted or loopback. */
export interface DialTls {
  readonly cluster: string;
  /** Whose certificate the other end must show. */
  readonly expected: NodeId;
  readonly material: TlsMaterial;
}

/** Both ends are this program, so nothing older is needed. */
const VERSION = "TLSv1.3";
/** Marks our own sentence among the errors of the library. */
const STRANGER = "stranger: ";

const contexts = new WeakMap<TlsMaterial, SecureContext>();

export function contextOptions({ ca, cert, key }: TlsMaterial): SecureContextOptions {
  return { ca, cert, key, minVersion: VERSION };
}

export function dialCredentials({ cluster, expected, material }: DialTls): ChannelCredentials {
  let context = contexts.get(material);
  if (context === undefined) {
    context = createSecureContext(contextOptions(material));
    contexts.set(material, context);
  }
  return Credentials.createFromSecureContext(context, {
    // In the place of the host's name: a node is who its certificate says, wherever it is reached.
    checkServerIdentity: (_host: string, { subjectaltname }: PeerCertificate) => {
      const stranger = notNode(subjectaltname, cluster, expected);
      return stranger === undefined ? undefined : new Error(`${STRANGER}its certificate ${stranger}`);
    },
  });
}

/** What the other end is called in the handshake: an address, which stands in `host` often, may not stand there. */
export function serverName({ cluster, expected }: DialTls): string {
  return `${expected}.${cluster}`;
}

/** OpenSSL's verdicts on a certificate, by Node's code for those that arrive and by its sentence for those it dials. */
const VERDICTS: readonly (readonly [RegExp, string])[] = [
  [/CERT_HAS_EXPIRED|certificate has expired/, "has expired; renew it"],
  [/CERT_NOT_YET_VALID|certificate is not yet valid/, "is not valid yet; check the clocks of both hosts"],
  [
    /UNABLE_TO_VERIFY_LEAF_SIGNATURE|UNABLE_TO_GET_ISSUER_CERT_LOCALLY|SELF_SIGNED|CERT_SIGNATURE_FAILURE|unable to verify the first certificate|unable to get (?:local )?issuer certificate|self.signed certificate|certificate signature failure/,
    "is signed by another authority (CA) than those trusted here; take all from one `quorate tls init`, or put both into `tls.ca`",
  ],
  [
    /INVALID_PURPOSE|unsuitable certificate purpose|unsupported certificate purpose/,
    "is not meant for this end; issue it with the extended key usages clientAuth and serverAuth",
  ],
];

/** The end of a sentence that begins with "the certificate". */
export function verdictOn(error: string): string | undefined {
  return VERDICTS.find(([pattern]) => pattern.test(error))?.[1];
}

/** Why the other end is not trusted, from what the library says of a failed connection; undefined if TLS is not the reason. */
export function dialFault(details: string): string | undefined {
  const stranger = details.split(STRANGER)[1];
  if (stranger !== undefined) return `not trusted: ${stranger.replace(/\. Resolution note: *$/, "")}`;
  const verdict = verdictOn(details);
  if (verdict !== undefined) return `not trusted: its certificate ${verdict}`;
  if (/wrong version number|packet length too long/i.test(details))
    return "not trusted: it speaks no TLS; set `tls` in its configuration too, and restart it";
  if (/\balert\b/.test(details)) return `not trusted: the TLS handshake failed (${details.slice(0, 200)}); see its log`;
  return undefined;
}
